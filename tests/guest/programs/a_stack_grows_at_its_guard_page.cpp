// A thread's stack that begins with one page and grows whenever the page below is touched, down to a
// limit: beyond that the program's own handler reports an overflow.
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"

#include <atomic>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::uint64_t stack_top = free_area + (1u << 24);
constexpr std::uint64_t most_pages = 200;
constexpr std::uint64_t limit = stack_top - most_pages * abi::page_bytes;
constexpr std::uint64_t upcall_stack = free_area;
std::uint64_t grown = 1;
std::atomic<std::uint32_t> overflowed = 0;

AfterFault grow(ProgramFault& fault) {
    if (fault.page() >= limit && fault.page() < stack_top) {
        ++grown;
        return page_alloc(own_space, {fault.page(), 1}, abi::permission::write)
                   ? AfterFault::resume
                   : AfterFault::give_up;
    }
    if (fault.page() == limit - abi::page_bytes) {
        overflowed = 1;
        (void)word_wake({reinterpret_cast<std::uint32_t*>(&overflowed)}, 1, 0);
        (void)env_exit(3);
    }
    return AfterFault::give_up;
}

[[gnu::noinline]] std::uint64_t deep(std::uint64_t depth) {
    std::uint64_t volatile frame[64];
    frame[depth % 64] = depth;
    return depth == 0 ? 0 : deep(depth - 1) + frame[depth % 64];
}

void recurse(std::uint64_t depth) {
    (void)env_exit(deep(depth) == depth * (depth + 1) / 2 ? 0 : 1);
}

abi::EnvStatus run(std::uint64_t depth) {
    check(
        page_alloc(own_space, {stack_top - abi::page_bytes, 1}, abi::permission::write).has_value(),
        "one page of stack");
    auto const env =
        env_create(own_space, {reinterpret_cast<std::uint64_t>(&recurse)}, {stack_top - 8}, depth);
    check(env.has_value(), "an environment");
    check(prepare_upcalls_of(*env, {reinterpret_cast<std::byte*>(upcall_stack), 4096}).has_value(),
          "its upcalls, on a stack of their own");
    check(env_start(*env).has_value() && env_wait(*env, 0).has_value(), "it runs");
    abi::EnvStatus status{};
    check(env_status(*env, {&status}).has_value() && env_destroy(*env).has_value(), "its end");
    return status;
}

}  // namespace

int main() {
    check(page_alloc(own_space, {upcall_stack, 1}, abi::permission::write).has_value(), "a page");
    set_fault_handler(grow);
    check(run(100).exit_status == 0 && grown < 30, "a shallow recursion needs little");
    check(run(1000).exit_status == 0 && grown > 100, "a deep one gets more");
    check(run(100'000).exit_status == 3 && overflowed == 1, "one without end is told from others");
    return 0;
}
