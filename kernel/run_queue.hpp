// The environments that wait for one processor, first come first served. Another processor that
// has nothing to do takes from it.
#pragma once

#include "base/intrusive_list.hpp"
#include "kernel/environment.hpp"
#include "kernel/lock.hpp"

#include <atomic>
#include <cstdint>

namespace quarry {

class RunQueue {
  public:
    constexpr RunQueue() = default;

    void push(Environment& environment, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        environment.queued_on = processor;
        queue_.push_back(environment);
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    // The id of the one that has waited longest; 0 if there is none. It may stop or end before the
    // caller has its lock: so an id, not a pointer.
    std::uint64_t pop() EXCLUDES(lock_) {
        if (empty()) {
            return 0;
        }
        LockGuard const guard(lock_);
        auto* const environment = queue_.pop_front();
        if (environment == nullptr) {
            return 0;
        }
        environment->queued_on = Environment::nowhere;
        count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        return environment->id.value;
    }
    // Puts one in another's place; false if that one is not in.
    bool replace(Environment& out, Environment& in, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (out.queued_on != processor) {
            return false;
        }
        out.queued_on = Environment::nowhere;
        in.queued_on = processor;
        queue_.replace(out, in);
        return true;
    }
    // Takes it out; false if it is no longer in.
    bool remove(Environment& environment, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (environment.queued_on != processor) {
            return false;
        }
        environment.queued_on = Environment::nowhere;
        queue_.remove(environment);
        count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        return true;
    }
    bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
    std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

  private:
    SpinLock lock_{Rank::queue};
    EnvironmentQueue queue_ GUARDED_BY(lock_);
    std::atomic<std::uint32_t> count_ = 0;
};

}  // namespace quarry
