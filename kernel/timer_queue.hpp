// Deadlines of blocked environments, earliest first; one queue a processor.
#pragma once

#include "base/intrusive_list.hpp"
#include "kernel/environment.hpp"

#include <cstdint>

namespace quarry {

class TimerQueue {
  public:
    constexpr TimerQueue() = default;

    // Under the environment's lock. Returns whether it is now the first.
    bool push(Environment& environment, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        auto* before = queue_.first();
        while (before != nullptr && before->deadline <= environment.deadline) {
            before = queue_.after(*before);
        }
        environment.timer_on = processor;
        queue_.insert_before(before, environment);
        first_.store(queue_.first()->deadline, std::memory_order_relaxed);
        return queue_.first() == &environment;
    }
    void remove(Environment& environment, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (environment.timer_on == processor) {
            take_out(environment);
        }
    }
    // The id of one whose deadline has passed, taken out; 0 if there is none.
    std::uint64_t pop_due(std::uint64_t now) EXCLUDES(lock_) {
        if (now < first()) {
            return 0;
        }
        LockGuard const guard(lock_);
        auto* const environment = queue_.first();
        if (environment == nullptr || environment->deadline > now) {
            return 0;
        }
        auto const id = environment->id.value;
        take_out(*environment);
        return id;
    }
    static constexpr std::uint64_t never = ~std::uint64_t{0};
    std::uint64_t first() const { return first_.load(std::memory_order_relaxed); }

  private:
    // Who sees that it is in no queue may put it into another, or give it back: so that comes last.
    void take_out(Environment& environment) REQUIRES(lock_) {
        queue_.remove(environment);
        first_.store(queue_.empty() ? never : queue_.first()->deadline, std::memory_order_relaxed);
        environment.timer_on = Environment::nowhere;
    }

    SpinLock lock_{Rank::timer};
    IntrusiveList<Environment, &Environment::timer> queue_ GUARDED_BY(lock_);
    std::atomic<std::uint64_t> first_ = never;
};

}  // namespace quarry
