// What whoever asks for a block or gives it back says about it.
#pragma once

#include "heap/size_class.hpp"

#include <cstddef>
#include <cstdint>

namespace slab {

// Who asked for a block; it must be given back the same way.
enum class Origin : std::uint8_t { none, malloc, operator_new, operator_new_array };

inline constexpr std::size_t unknown_bytes = SIZE_MAX;

// Two words, so that it travels in registers.
struct Freed {
    std::size_t bytes = unknown_bytes;  // not all know
    std::uint32_t alignment = 1;
    Origin origin = Origin::malloc;

    // What is beyond the largest alignment is no block's, and neither is 0.
    static constexpr std::uint32_t alignment_of(std::size_t told) {
        return told <= max_alignment ? static_cast<std::uint32_t>(told) : 0;
    }
    bool knows_bytes() const { return bytes != unknown_bytes; }
    bool knows_anything() const { return knows_bytes() || alignment != 1; }
    // Whether a block may be at that address; nothing is, for an alignment of 0.
    bool is_aligned(std::uintptr_t address) const { return (address & (alignment - 1)) == 0; }
};

}  // namespace slab
