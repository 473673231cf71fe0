// The clock never goes back.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    std::uint64_t last = 0;
    for (int i = 0; i < 1000; ++i) {
        auto const now = *clock_nanoseconds();
        check(now >= last, "time does not go back");
        last = now;
    }
    check(last > 0, "time passes");
    return 0;
}
