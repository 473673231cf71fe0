// Atomic operations that say more than the standard library's: the processor's flags.
#pragma once

#include <atomic>
#include <cstdint>

namespace quarry::machine {

struct Added {
    std::uint64_t before;
    bool is_negative;  // what there is now, as a signed number
};
// Adds, and says what was there and, from the sign flag, what there is.
[[gnu::always_inline]] inline Added fetch_add(std::atomic<std::uint64_t>& word,
                                              std::uint64_t value) {
    bool is_negative = false;
    asm volatile("lock xaddq %1, %2"
                 : "=@ccs"(is_negative), "+r"(value), "+m"(reinterpret_cast<std::uint64_t&>(word))
                 :
                 : "memory");
    return {value, is_negative};
}

// Adds to the upper half; whether the whole is now a negative number.
template <std::uint32_t Value>
[[gnu::always_inline]] inline bool add_to_upper_half(std::atomic<std::uint64_t>& word) {
    bool is_negative = false;
    asm volatile("lock addl %2, 4%1"
                 : "=@ccs"(is_negative), "+o"(reinterpret_cast<std::uint64_t&>(word))
                 : "i"(Value)
                 : "memory");
    return is_negative;
}

// Whether the low half-word is this, without a register for it.
[[gnu::always_inline]] inline bool low_half_is(std::atomic<std::uint64_t> const& word,
                                               std::uint64_t value) {
    bool is_equal = false;
    asm("cmpw %w2, %1"
        : "=@cce"(is_equal)
        : "m"(reinterpret_cast<std::uint16_t const&>(word)), "r"(value));
    return is_equal;
}

// Subtracts; whether there was less.
[[gnu::always_inline]] inline bool subtract_borrows(std::atomic<std::uint64_t>& word,
                                                    std::uint64_t value) {
    bool borrows = false;
    asm volatile("lock subq %2, %1"
                 : "=@ccc"(borrows), "+m"(reinterpret_cast<std::uint64_t&>(word))
                 : "er"(value)
                 : "memory");
    return borrows;
}

// Decrements it where it is; not atomic.
[[gnu::always_inline]] inline void decrement_in_place(std::uint32_t& word) {
    asm("decl %0" : "+m"(word) : : "cc");
}

// Whether the word is one, without a register for it.
[[gnu::always_inline]] inline bool is_one(std::atomic<std::uint32_t> const& word) {
    bool is_equal = false;
    asm("cmpl $1, %1" : "=@cce"(is_equal) : "m"(reinterpret_cast<std::uint32_t const&>(word)));
    return is_equal;
}

}  // namespace quarry::machine
