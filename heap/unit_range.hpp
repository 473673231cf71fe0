// Units in a row, by index.
#pragma once

#include <algorithm>
#include <cstdint>

namespace slab {

// Units from `first` up to `end`.
struct UnitRange {
    std::uint32_t first = 0;
    std::uint32_t end = 0;

    constexpr std::uint32_t count() const { return end - first; }
    constexpr bool is_empty() const { return first == end; }
    constexpr UnitRange common_with(UnitRange other) const {
        auto const from = std::max(first, other.first);
        return {.first = from, .end = std::max(from, std::min(end, other.end))};
    }
    // The shortest that has all of both.
    constexpr UnitRange joined_with(UnitRange other) const {
        if (is_empty() || other.is_empty()) {
            return is_empty() ? other : *this;
        }
        return {.first = std::min(first, other.first), .end = std::max(end, other.end)};
    }
};

}  // namespace slab
