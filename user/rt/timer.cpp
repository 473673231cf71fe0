#include "user/rt/timer.hpp"

#include "user/rt/fault.hpp"

#include <atomic>

namespace quarry {

// Shared with the timer's thread, which therefore ends before it goes.
struct Timer::Plan {
    abi::EnvId env;
    std::uint64_t at;
    std::uint64_t bits;
    std::atomic<bool> fired = false;
};

Result<Timer> Timer::start(abi::EnvId env, std::uint64_t at, std::uint64_t bits) {
    if (at == 0) {
        return Error::bad_argument;
    }
    auto* const plan = new Plan{env == own_env ? *env_self() : env, at, bits};
    auto thread = Thread::start(
        [](std::uint64_t argument) {
            auto& own = *reinterpret_cast<Plan*>(argument);
            while (sleep_until(own.at) == Result<void>{Error::interrupted}) {
            }
            own.fired = true;  // before whoever waits for it can ask
            (void)env_interrupt(own.env, own.bits);
        },
        reinterpret_cast<std::uint64_t>(plan));
    if (!thread) {
        delete plan;
        return thread.error();
    }
    return Timer{plan, std::move(*thread)};
}

bool Timer::has_fired() const { return plan_->fired; }

Timer::~Timer() {
    if (plan_ != nullptr) {
        thread_.cancel();
        delete plan_;
    }
}

Result<void> request_cancel(abi::EnvId env) { return env_interrupt(env, cancel_bit); }

namespace {
abi::Control& own_control() {
    return *reinterpret_cast<abi::Control*>(abi::control_address(*env_self()));
}
}  // namespace

void accept_cancel() { __atomic_fetch_or(&own_control().mask, cancel_bit, __ATOMIC_SEQ_CST); }

bool is_cancelled() {
    return (__atomic_load_n(&own_control().pending, __ATOMIC_SEQ_CST) & cancel_bit) != 0;
}

}  // namespace quarry
