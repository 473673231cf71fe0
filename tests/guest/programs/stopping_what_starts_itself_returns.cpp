// Whoever stops an environment hears that it was off its processor, even if it starts itself again.
#include "tests/guest/check.hpp"
#include "user/rt/thread.hpp"

using namespace quarry;
using namespace quarry::test;

int main() {
    auto restless = Thread::start([](std::uint64_t) {
        for (;;) {
            (void)env_start(own_env);
        }
    });
    check(restless.has_value(), "a thread");
    for (int i = 0; i < 2000; ++i) {
        check(env_stop(restless->env()).has_value(), "stop");
        (void)yield();
    }
    restless->cancel();
    return 0;
}
