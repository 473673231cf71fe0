// A thread that computes for ever is interrupted out of its loop; bits wait behind the mask, and end
// a wait that allows it.
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"
#include "user/rt/thread.hpp"

#include <atomic>

namespace {
using namespace quarry;
using namespace quarry::test;

std::atomic<std::uint64_t> seen = 0;
std::atomic<std::uint32_t> looping = 0;
std::atomic<bool> stop = false;

void on_interrupt(std::uint64_t bits, UpcallRegisters&) {
    seen |= bits;
    if ((bits & 1) != 0) {
        stop = true;
    }
}

void loop_for_ever(std::uint64_t) {
    check(prepare_upcalls().has_value(), "an upcall stack");
    looping = 1;
    (void)word_wake({reinterpret_cast<std::uint32_t*>(&looping)}, 1, 0);
    while (!stop) {
        asm volatile("pause");
    }
}
}  // namespace

int main() {
    set_interrupt_handler(on_interrupt);
    {
        auto thread = Thread::start(loop_for_ever);
        while (looping == 0) {
            (void)word_wait({reinterpret_cast<std::uint32_t*>(&looping)}, 0, 0, 0);
        }
        check(env_interrupt(thread->env(), 1).has_value(), "env_interrupt");
        check(thread->join().cause == abi::EndCause::exited, "the loop was left");
        check(seen == 1, "with the bit");
    }
    seen = 0;
    auto const old = set_interrupt_mask(6);
    check(env_interrupt(own_env, 2).has_value() && seen == 0, "a masked bit waits");
    check(env_interrupt(own_env, 8).has_value() && seen == 8, "another one does not");
    check(*interrupt_wait(2, 0) == 2, "it can be taken without an upcall");
    check(env_interrupt(own_env, 4).has_value() && seen == 8, "masked again");
    (void)set_interrupt_mask(old);
    check(seen == 12, "and comes when the mask is lifted");

    auto const self = *env_self();
    auto const waker = Thread::start(
        [](std::uint64_t env) {
            wait_until_blocked({env});
            (void)env_interrupt({env}, 16);
        },
        self.value);
    check_error(sleep_until(~std::uint64_t{0} >> 1), Error::interrupted, "a sleeper is woken");
    check(seen == 28, "by the bit, which came first");
    check_error(sleep_until(1), Error::timed_out, "a deadline in the past");
    return 0;
}
