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

}  // namespace quarry
