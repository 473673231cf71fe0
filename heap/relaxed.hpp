// What others may read while it is written: they see what was, or what is.
#pragma once

#include <atomic>

namespace slab {

template <typename T>
class Relaxed {
  public:
    constexpr Relaxed(T value) : value_(value) {}
    Relaxed(Relaxed const&) = delete;
    Relaxed& operator=(Relaxed const&) = delete;

    operator T() const { return value_.load(std::memory_order_relaxed); }
    Relaxed& operator=(T value) {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }
    // For where the order matters.
    std::atomic<T>& ordered() { return value_; }

  private:
    std::atomic<T> value_;
};

}  // namespace slab
