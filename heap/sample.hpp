// A block whose allocation was noted, for profiles. It is a large block whatever its size, so that its end is
// seen without a look at every other block's; what was noted lies at the end of its last page.
#pragma once

#include "heap/page_source.hpp"
#include "heap/unit.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

struct Sample {
    std::size_t bytes = 0;  // that were asked for
    std::size_t depth = 0;
    std::array<std::uintptr_t, 30> stack{};  // return addresses, the nearest first
};

// Of the block that begins at a unit's memory and has so many pages.
inline Sample& sample_of(std::uintptr_t memory, std::size_t pages) {
    return *reinterpret_cast<Sample*>(memory + pages * page_bytes - sizeof(Sample));
}

}  // namespace slab
