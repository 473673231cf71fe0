// A spin lock that the compiler's thread-safety analysis knows. Locks are taken in ascending rank;
// two of one rank in ascending address order, or the second one only by try_lock. Debug builds
// check it.
#pragma once

#include "base/lock_annotations.hpp"
#include "machine/spin.hpp"

#include <cstdint>

namespace quarry {

enum class Rank : std::uint8_t {
    family,       // who created which space, who lives in it
    space,        // one space's tables
    environment,  // one environment's state
    console,      // keys and who waits for them
    wait,         // one bucket of waiters on memory words
    queue,        // one processor's run queue
    timer,        // one processor's deadlines
    ids,          // free slots of an id table
    account,      // one account
    cache,        // one processor's free frames
    frames,       // all free frames
    output,       // text on its way out
};

class CAPABILITY("lock") SpinLock {
  public:
    constexpr explicit SpinLock(Rank rank) : rank_(rank) {}
    SpinLock(SpinLock const&) = delete;
    SpinLock& operator=(SpinLock const&) = delete;

    void lock() ACQUIRE() {
        check_order();
        while (!machine::take(word_)) [[unlikely]] {
            // A processor that waits here still answers shootdowns: whoever holds the lock may be
            // waiting for that.
            while (is_taken()) {
                machine::spin_pause();
            }
        }
        note_taken();
    }
    bool try_lock() TRY_ACQUIRE(true) {
        if (!machine::take(word_)) [[unlikely]] {
            return false;
        }
        note_taken();
        return true;
    }
    void unlock() RELEASE() {
        note_released();
        machine::release(word_);
    }

    Rank rank() const { return rank_; }
    bool is_taken() const { return __atomic_load_n(&word_, __ATOMIC_SEQ_CST) != 0; }

  private:
#ifdef QUARRY_CHECK_LOCKS
    void check_order() const;
    void note_taken() const;
    void note_released() const;
#else
    void check_order() const {}
    void note_taken() const {}
    void note_released() const {}
#endif

    std::uint16_t word_ = 0;  // 1: taken
    Rank rank_;
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

// A lock held as a value: what a parsed reference carries. The analysis cannot follow it, so its
// users annotate what they promise by hand.
class HeldLock {
  public:
    constexpr HeldLock() = default;
    static HeldLock take(SpinLock& lock) __attribute__((no_thread_safety_analysis)) {
        lock.lock();
        return HeldLock{lock};
    }
    // Empty if somebody else holds it.
    static HeldLock try_take(SpinLock& lock) __attribute__((no_thread_safety_analysis)) {
        return lock.try_lock() ? HeldLock{lock} : HeldLock{};
    }
    HeldLock(HeldLock&& other) noexcept : lock_(other.lock_) { other.lock_ = nullptr; }
    HeldLock& operator=(HeldLock&& other) noexcept {
        if (this != &other) {
            release();
            lock_ = other.lock_;
            other.lock_ = nullptr;
        }
        return *this;
    }
    ~HeldLock() { release(); }
    explicit operator bool() const { return lock_ != nullptr; }
    void release() __attribute__((no_thread_safety_analysis)) {
        if (lock_ != nullptr) {
            lock_->unlock();
            lock_ = nullptr;
        }
    }

  private:
    explicit HeldLock(SpinLock& lock) : lock_(&lock) {}
    SpinLock* lock_ = nullptr;
};

}  // namespace quarry
