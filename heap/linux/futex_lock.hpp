// U. Drepper, "Futexes are tricky" (2011), mutex 2. Not pthread's, which a program may have replaced
// and which need not be constant-initialised.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace slab::hosted {

class FutexLock {
  public:
    constexpr FutexLock() = default;
    FutexLock(FutexLock const&) = delete;
    FutexLock& operator=(FutexLock const&) = delete;

    void lock() {
        std::uint32_t expected = is_free;
        if (!word_.compare_exchange_strong(expected, is_held, std::memory_order_acquire)) {
            wait();
        }
    }
    void unlock() {
        if (word_.exchange(is_free, std::memory_order_release) == is_awaited) {
            futex(FUTEX_WAKE_PRIVATE, 1);
        }
    }
    // In the child of a fork, where whoever waits is no more.
    void unlock_in_child() { word_.store(is_free, std::memory_order_release); }

  private:
    static constexpr std::uint32_t is_free = 0;
    static constexpr std::uint32_t is_held = 1;
    static constexpr std::uint32_t is_awaited = 2;

    [[gnu::noinline]] void wait() {
        // Most are held for a few hundred instructions.
        for (int tries = 0; tries < 100; ++tries) {
            std::uint32_t expected = is_free;
            if (word_.load(std::memory_order_relaxed) == is_free &&
                word_.compare_exchange_strong(expected, is_held, std::memory_order_acquire)) {
                return;
            }
            __builtin_ia32_pause();
        }
        while (word_.exchange(is_awaited, std::memory_order_acquire) != is_free) {
            futex(FUTEX_WAIT_PRIVATE, is_awaited);
        }
    }
    void futex(int operation, std::uint32_t value) {
        auto const kept = errno;
        syscall(SYS_futex, &word_, operation, value, nullptr, nullptr, 0);
        errno = kept;
    }

    std::atomic<std::uint32_t> word_ = is_free;
};

}  // namespace slab::hosted
