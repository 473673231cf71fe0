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

// Whether the low half-word is this.
inline bool low_half_is(std::atomic<std::uint64_t> const& word, std::uint16_t value) {
    return static_cast<std::uint16_t>(word.load(std::memory_order_relaxed)) == value;
}

}  // namespace quarry::machine
