// Stopped and started at any moment, on whatever processor, an environment goes on with its own FS
// base and vector registers, and one that never used the latter has zeros.
#include "tests/guest/check.hpp"
#include "user/rt/thread.hpp"

#include <array>
#include <atomic>

using namespace quarry;
using namespace quarry::test;

namespace {

std::atomic<unsigned> wrong = 0;
std::atomic<bool> enough = false;

// AMD64 ABI, section 3.4.2 and the TLS ABI's variant II: the word at the FS base is its address.
std::uint64_t fs_base() {
    std::uint64_t base = 0;
    asm volatile("rdfsbase %0" : "=r"(base));
    return base;
}

void keep_watch(std::uint64_t value) {
    auto const base = fs_base();
    while (!enough) {
        std::uint64_t found = value;
        asm volatile("movq %0, %%xmm15\n mov $200, %%ecx\n1: dec %%ecx\n jnz 1b\n movq %%xmm15, %0"
                     : "+r"(found)
                     :
                     : "ecx", "xmm15");
        wrong += found != value || fs_base() != base ? 1 : 0;
    }
}

}  // namespace

int main() {
    constexpr std::size_t count = 3;
    auto const start = [](std::uint64_t value) { return *Thread::start(keep_watch, value); };
    std::array<Thread, count> watchers{start(1), start(2), start(3)};
    for (int i = 0; i < 300; ++i) {
        for (auto const& watcher : watchers) {
            check(env_stop(watcher.env()).has_value(), "stop");
            check(env_start(watcher.env()).has_value(), "start");
            // The next stop comes before it runs, or when it is about to, or while it does.
            for (int volatile delay = i % 60 * 20; delay > 0; delay = delay - 1) {
            }
        }
    }
    enough = true;
    for (auto& watcher : watchers) {
        watcher.join();
    }
    check(wrong == 0, "nobody has another one's registers");
    return 0;
}
