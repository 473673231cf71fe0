// A lock whose waiters sleep, for heaps of several threads on any source that lets them (U. Drepper, "Futexes are
// tricky", 2011, mutex 2). Constant-initialised, and nobody's who could replace it.
#pragma once

#include "heap/page_source.hpp"

#include <atomic>
#include <cstdint>

namespace slab {

template <CanWait Source>
class WaitingLock {
  public:
    constexpr WaitingLock() = default;
    WaitingLock(WaitingLock const&) = delete;
    WaitingLock& operator=(WaitingLock const&) = delete;

    void lock() {
        std::uint32_t expected = is_free;
        if (!word_.compare_exchange_strong(expected, is_held, std::memory_order_acquire)) {
            wait();
        }
    }
    void unlock() {
        if (word_.exchange(is_free, std::memory_order_release) == is_awaited) {
            Source::wake(word_);
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
#ifdef __x86_64__
            __builtin_ia32_pause();
#endif
        }
        while (word_.exchange(is_awaited, std::memory_order_acquire) != is_free) {
            Source::wait(word_, is_awaited);
        }
    }

    std::atomic<std::uint32_t> word_ = is_free;
};

}  // namespace slab
