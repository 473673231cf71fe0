// A fault with no room for its frame, an entry that is not mapped, a handler that faults for ever:
// the environment ends, with a line, and nothing else does.
// console: page fault \(and its upcall stack is full\)
// console: page fault \(and its upcall stack is not writable\)
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"
#include "user/rt/thread.hpp"

namespace {
using namespace quarry;
using namespace quarry::test;

void touch_nothing(std::uint64_t) { *reinterpret_cast<int volatile*>(free_area) = 1; }

// Starts a thread with this upcall, and says how it ends.
abi::EnvStatus end_with(abi::Upcall upcall) {
    auto thread = Thread::start(
        [](std::uint64_t at) {
            auto const set = env_set_upcall(own_env, {reinterpret_cast<abi::Upcall const*>(at)});
            check(set.has_value(), "env_set_upcall");
            touch_nothing(0);
        },
        reinterpret_cast<std::uint64_t>(&upcall));
    return thread->join();
}
}  // namespace

extern "C" void quarry_upcall_entry();

int main() {
    auto const stack = free_area + (1u << 20);
    auto const entry = reinterpret_cast<std::uint64_t>(&quarry_upcall_entry);
    check(page_alloc(own_space, {stack, 1}, abi::permission::write).has_value(), "a stack");
    check(end_with({entry, free_area, 4096, 0}).cause == abi::EndCause::fault, "no such stack");
    check(end_with({entry, stack, 0, 0}).cause == abi::EndCause::fault, "a stack of nothing");
    check(end_with({entry, stack, 48, 0}).cause == abi::EndCause::fault, "a stack too small");
    check(end_with({0x10, stack, 4096, 0}).cause == abi::EndCause::fault, "no such entry");
    check(end_with({0, 0, 0, 0}).cause == abi::EndCause::fault, "no upcall");

    auto const set = [](abi::Upcall upcall) { return env_set_upcall(own_env, {&upcall}); };
    check_error(set({~std::uint64_t{0}, stack, 4096, 0}), Error::bad_address, "a kernel entry");
    check_error(set({entry, ~std::uint64_t{0} - 4095, 4096, 0}), Error::bad_address,
                "a kernel stack");
    check_error(set({entry, stack, ~std::uint64_t{15}, 0}), Error::bad_address, "a wrapping one");
    check_error(set({entry, stack + 8, 64, 0}), Error::bad_argument, "an unaligned one");
    check_error(env_set_upcall(own_env, {reinterpret_cast<abi::Upcall const*>(8)}),
                Error::bad_buffer, "no such record");
    return 0;
}
