// A spin lock that the compiler's thread-safety analysis knows. Two of one kind are taken in
// address order.
#pragma once

#include "base/lock_annotations.hpp"
#include "machine/machine.hpp"

#include <atomic>

namespace quarry {

class CAPABILITY("lock") SpinLock {
  public:
    constexpr SpinLock() = default;
    SpinLock(SpinLock const&) = delete;
    SpinLock& operator=(SpinLock const&) = delete;

    void lock() ACQUIRE() {
        while (taken_.exchange(true, std::memory_order_acquire)) {
            while (taken_.load(std::memory_order_relaxed)) {
                machine::spin_pause();
            }
        }
    }
    void unlock() RELEASE() { taken_.store(false, std::memory_order_release); }

  private:
    std::atomic<bool> taken_ = false;
};

class SCOPED_CAPABILITY LockGuard {
  public:
    explicit LockGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~LockGuard() RELEASE() { lock_.unlock(); }
    LockGuard(LockGuard const&) = delete;
    LockGuard& operator=(LockGuard const&) = delete;

  private:
    SpinLock& lock_;
};

}  // namespace quarry
