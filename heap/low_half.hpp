// Blocks by the lower halves of their addresses: the upper ones are the same in all of a slab, which begins at a multiple
// of its size.
#pragma once

#include "heap/size_class.hpp"

#include <bit>
#include <cstdint>

namespace slab {

using LowHalf = std::uint32_t;
static_assert(std::has_single_bit(max_slab_bytes) && max_slab_bytes <= std::uint64_t{1} << 32);

constexpr LowHalf low_half(std::uintptr_t address) { return static_cast<LowHalf>(address); }
// The address with that lower half in a slab, in which `near` lies.
constexpr std::uintptr_t whole_address(std::uintptr_t near, LowHalf half) {
    return near ^ (low_half(near) ^ half);
}

}  // namespace slab
