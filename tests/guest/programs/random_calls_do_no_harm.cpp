// Native calls with random registers: the program gets errors, the kernel lives.
#include "tests/guest/check.hpp"
#include "user/rt/thread.hpp"

#include <array>
#include <atomic>
#include <vector>

namespace {

using namespace quarry;
using namespace quarry::test;

std::atomic<bool> enough = false;

// Whatever the other thread waits for, it does not wait long. Ends by itself: cancelled between the two,
// it would leave the other one stopped.
void interrupt_waits(std::uint64_t env) {
    while (!enough) {
        (void)sleep_until(*clock_nanoseconds() + 100'000);
        (void)env_stop({env});
        (void)env_start({env});
    }
}

}  // namespace

int main() {
    auto watch = std::move(*Thread::start(interrupt_waits, env_self()->value));
    std::uint64_t state = 88172645463325252;
    auto const random = [&] {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
    };
    // Whatever these reach of the program itself is in the free area: its text, stack and data are
    // at none of these addresses.
    constexpr std::array<std::uint64_t, 14> values{0,
                                                   1,
                                                   2,
                                                   512,
                                                   4096,
                                                   free_area,
                                                   free_area + 4096,
                                                   abi::native_user_top - 4096,
                                                   abi::user_end,
                                                   abi::canonical_limit,
                                                   0xffff'8000'0000'0000,
                                                   ~std::uint64_t{0},
                                                   3,
                                                   0x1'0000'0003};
    auto const word = [&] {
        return random() % 4 == 0 ? random() : values[random() % values.size()];
    };
    std::uint64_t errors = 0;
    std::vector<std::uint64_t> created;  // spaces; else they would pass to this program's creator
    for (unsigned i = 0; i < 100'000; ++i) {
        auto const call = random() % abi::call_table_slots;
        // Not those that end or stop the caller, move its upcalls, or print what lies in memory.
        constexpr std::array without{abi::ConsoleWrite::index, abi::Exit::index,
                                     abi::EnvStop::index, abi::EnvDestroy::index,
                                     abi::EnvSetUpcall::index};
        if (std::ranges::find(without, call) != without.end()) {
            continue;
        }
        std::array<std::uint64_t, abi::argument_registers> words{word(), word(), word(),
                                                                 word(), word(), word()};
        auto const result = rt::raw_switching_call(abi::native_base + call, words);
        errors += static_cast<std::int64_t>(result) < 0 ? 1 : 0;
        if (call == abi::SpaceCreate::index && static_cast<std::int64_t>(result) > 0) {
            created.push_back(result);
        }
    }
    enough = true;
    watch.join();
    print("{} of the calls were errors\n", errors);
    for (auto const space : created) {
        while (!space_destroy_step(abi::SpaceId{space})) {
        }
    }
    check(errors > 10'000, "most random calls are refused");
    return 0;
}
