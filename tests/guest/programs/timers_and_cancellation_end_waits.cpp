// A timer interrupts a computation and a wait; a cancelled thread leaves its wait and ends in order.
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"
#include "user/rt/timer.hpp"

#include <atomic>
#include <optional>

using namespace quarry;
using namespace quarry::test;

namespace {

std::atomic<std::uint64_t> seen = 0;
std::atomic<bool> ended_in_order = false;

void on_interrupt(std::uint64_t bits, UpcallRegisters&) { seen |= bits; }

std::optional<Timer> second;

void start_second_timer(std::uint64_t env) {
    wait_until_blocked({env});
    auto timer = Timer::start({env}, *clock_nanoseconds() + 1'000'000, 2);
    check(timer.has_value(), "a timer for another one");
    second.emplace(std::move(*timer));
}

void work_until_cancelled(std::uint64_t) {
    accept_cancel();
    while (!is_cancelled()) {
        (void)sleep_until(~std::uint64_t{0} >> 1);
    }
    ended_in_order = true;
}

}  // namespace

int main() {
    set_interrupt_handler(on_interrupt);
    auto const now = *clock_nanoseconds();
    auto const soon = Timer::start(own_env, now + 2'000'000, 1);
    auto const never = Timer::start(own_env, ~std::uint64_t{0} >> 1, 4);
    check(soon && never, "two timers");
    while (seen == 0) {
        asm volatile("pause");
    }
    check(seen == 1 && *clock_nanoseconds() >= now + 2'000'000, "out of a computation, in time");
    auto starter = Thread::start(start_second_timer, env_self()->value);
    check_error(sleep_until(~std::uint64_t{0} >> 1), Error::interrupted, "out of a wait");
    check(seen == 3 && starter->join().cause == abi::EndCause::exited, "a second timer");
    check(second->has_fired() && !never->has_fired(), "by the one whose time had come");
    check_error(Timer::start(own_env, 0, 1), Error::bad_argument, "no time");

    auto thread = Thread::start(work_until_cancelled);
    check(thread.has_value(), "a thread");
    wait_until_blocked(thread->env());
    check(request_cancel(thread->env()).has_value(), "cancel");
    check(thread->join().cause == abi::EndCause::exited && ended_in_order, "it ended in order");
    check(seen == 3, "without an upcall");
    return 0;
}
