// Atomic operations that say more than the standard library's.
#pragma once

#include <atomic>
#include <cstdint>

namespace quarry::machine {

struct Added {
    std::uint64_t before;
    bool is_negative;  // what there is now, as a signed number
};
inline Added fetch_add(std::atomic<std::uint64_t>& word, std::uint64_t value) {
    auto const before = word.fetch_add(value);
    return {before, static_cast<std::int64_t>(before + value) < 0};
}

// Adds to the upper half; whether the whole is now a negative number.
template <std::uint32_t Value>
bool add_to_upper_half(std::atomic<std::uint64_t>& word) {
    return fetch_add(word, std::uint64_t{Value} << 32).is_negative;
}

// Whether the low half-word is this.
inline bool low_half_is(std::atomic<std::uint64_t> const& word, std::uint64_t value) {
    return (word.load(std::memory_order_relaxed) & 0xffff) == value;
}

// Subtracts; whether there was less.
inline bool subtract_borrows(std::atomic<std::uint64_t>& word, std::uint64_t value) {
    return word.fetch_sub(value) < value;
}

inline void decrement_in_place(std::uint32_t& word) { --word; }

inline bool is_one(std::atomic<std::uint32_t> const& word) { return word.load() == 1; }

}  // namespace quarry::machine
