// A value that one processor may look at while another changes it under a lock: reads without the
// lock are hints.
#pragma once

#include <atomic>

namespace quarry {

template <typename T>
class Relaxed {
  public:
    constexpr Relaxed() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): stands for the value itself
    constexpr Relaxed(T value) : value_(value) {}
    Relaxed(Relaxed const&) = delete;
    Relaxed& operator=(Relaxed const&) = delete;
    // NOLINTNEXTLINE(google-explicit-constructor)
    operator T() const { return value_.load(std::memory_order_relaxed); }
    T operator=(T value) {  // NOLINT(misc-unconventional-assign-operator)
        value_.store(value, std::memory_order_relaxed);
        return value;
    }

  private:
    std::atomic<T> value_{};
};

// The same for a word that hands something on: who reads the value sees what was written before it.
template <typename T>
class Published {
  public:
    constexpr Published() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): stands for the value itself
    constexpr Published(T value) : value_(value) {}
    Published(Published const&) = delete;
    Published& operator=(Published const&) = delete;
    // NOLINTNEXTLINE(google-explicit-constructor)
    operator T() const { return value_.load(std::memory_order_acquire); }
    T operator=(T value) {  // NOLINT(misc-unconventional-assign-operator)
        value_.store(value, std::memory_order_release);
        return value;
    }

  private:
    std::atomic<T> value_{};
};

}  // namespace quarry
