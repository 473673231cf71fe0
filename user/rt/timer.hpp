// Timers and cancellation, both made of interrupt bits (env_interrupt): a timer is a thread that sleeps
// and then posts, a cancellation is a bit that ends whatever the thread waits for.
#pragma once

#include "user/rt/thread.hpp"

#include <cstdint>

namespace quarry {

// Posts `bits` to an environment of this program once its time has come, unless destroyed before. The
// environment's interrupt handler runs, or its wait ends with `interrupted`.
class Timer {
  public:
    // `at`: nanoseconds of `clock`. What Thread::start returns; bad_argument for a time of 0.
    static Result<Timer> start(abi::EnvId env, std::uint64_t at, std::uint64_t bits);

    // Whether its time has come.
    bool has_fired() const;

  private:
    struct Plan;
    Timer(Plan* plan, Thread thread) : plan_(plan), thread_(std::move(thread)) {}

  public:
    Timer(Timer&& other) noexcept : plan_(other.plan_), thread_(std::move(other.thread_)) {
        other.plan_ = nullptr;
    }
    Timer& operator=(Timer&&) = delete;
    ~Timer();

  private:
    Plan* plan_;
    Thread thread_;
};

// Asks a thread to end: the wait it is in, and every later one that may be interrupted, ends with
// `interrupted` until it has seen is_cancelled(). Nothing is forced on a thread that computes.
inline constexpr std::uint64_t cancel_bit = std::uint64_t{1} << 62;
Result<void> request_cancel(abi::EnvId env);

// Of the caller. A thread that wants to be asked defers the bit first (accept_cancel), so that it is
// no upcall.
void accept_cancel();
bool is_cancelled();

}  // namespace quarry
