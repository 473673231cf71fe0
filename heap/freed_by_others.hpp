// Blocks of a slab that others than its owner freed, in one word, so that they are given and taken at once: the first one
// of their list, how many they are, and when the last of them came.
#pragma once

#include "heap/low_half.hpp"
#include "heap/size_class.hpp"

#include <atomic>
#include <cstdint>

namespace slab {

class FreedByOthers {
  public:
    constexpr FreedByOthers() = default;  // none
    // All of a slab's, whose pages were taken away.
    static constexpr FreedByOthers gone() { return FreedByOthers(count_of_gone << count_shift); }
    // These and `count` more, of which `first` is the first one.
    constexpr FreedByOthers with(std::uintptr_t first, std::uint32_t count,
                                 std::uint32_t tick) const {
        return FreedByOthers(low_half(first) | std::uint64_t{this->count() + count} << count_shift |
                             (word_ & held_bit) | std::uint64_t{tick} << tick_shift);
    }
    // These, which their owner does not take until they are let go.
    constexpr FreedByOthers held() const { return FreedByOthers(word_ | held_bit); }
    constexpr FreedByOthers let_go() const { return FreedByOthers(word_ & ~held_bit); }

    constexpr bool is_none() const { return word_ == 0; }
    constexpr bool are_gone() const { return count() == count_of_gone; }
    constexpr bool are_held() const { return (word_ & held_bit) != 0; }
    // More than any slab has, if they are gone.
    constexpr std::uint32_t count() const {
        return static_cast<std::uint32_t>(word_ >> count_shift & count_of_gone);
    }
    // Where their list begins in a slab, in which `near` lies. Not of none, nor of what is gone.
    constexpr std::uintptr_t first(std::uintptr_t near) const {
        return whole_address(near, static_cast<LowHalf>(word_));
    }
    // Ticks since the last ones came, modulo 2^16: who waits that long waits once more.
    constexpr std::uint32_t age(std::uint32_t now) const {
        return static_cast<std::uint16_t>(now - (word_ >> tick_shift));
    }

  private:
    static constexpr unsigned count_shift = 32;
    static constexpr std::uint64_t count_of_gone = 0x7fff;
    static constexpr std::uint64_t held_bit = std::uint64_t{1} << 47;
    static constexpr unsigned tick_shift = 48;
    static_assert(blocks_a_slab(0) < count_of_gone);

    constexpr explicit FreedByOthers(std::uint64_t word) : word_(word) {}

    std::uint64_t word_ = 0;
};
static_assert(std::atomic<FreedByOthers>::is_always_lock_free);

}  // namespace slab
