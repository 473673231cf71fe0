// A lock for the threads of one program: one atomic operation when it is free, word_wait when not.
// U. Drepper, "Futexes are tricky" (2011), mutex 2.
#pragma once

#include "user/rt/call.hpp"

#include <atomic>
#include <cstdint>

namespace quarry {

// Constant-initialised; std::lock_guard works with it. Not for handlers of upcalls, which may have
// interrupted whoever holds it.
class Mutex {
  public:
    constexpr Mutex() = default;
    Mutex(Mutex const&) = delete;
    Mutex& operator=(Mutex const&) = delete;

    void lock() {
        std::uint32_t expected = is_free;
        if (!word_.compare_exchange_strong(expected, is_held, std::memory_order_acquire)) {
            wait();
        }
    }
    bool try_lock() {
        std::uint32_t expected = is_free;
        return word_.compare_exchange_strong(expected, is_held, std::memory_order_acquire);
    }
    void unlock() {
        if (word_.exchange(is_free, std::memory_order_release) == is_awaited) {
            (void)word_wake({address()}, 1, static_cast<std::uint64_t>(abi::WordScope::own_space));
        }
    }

  private:
    static constexpr std::uint32_t is_free = 0;
    static constexpr std::uint32_t is_held = 1;
    static constexpr std::uint32_t is_awaited = 2;  // held, and somebody may wait

    [[gnu::noinline]] void wait() {
        while (word_.exchange(is_awaited, std::memory_order_acquire) != is_free) {
            (void)word_wait({address()}, is_awaited,
                            static_cast<std::uint64_t>(abi::WordScope::own_space), 0);
        }
    }
    std::uint32_t const* address() const { return reinterpret_cast<std::uint32_t const*>(&word_); }

    std::atomic<std::uint32_t> word_ = is_free;
};

}  // namespace quarry
