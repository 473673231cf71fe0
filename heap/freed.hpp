// What whoever asks for a block or gives it back says about it.
#pragma once

#include <bit>
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

    // An alignment of more than 32 bits is no block's, and neither is one that is no power of two.
    static constexpr Freed of(std::size_t bytes, std::size_t alignment) {
        bool const may_be = std::has_single_bit(alignment) && alignment <= UINT32_MAX;
        return {.bytes = bytes, .alignment = may_be ? static_cast<std::uint32_t>(alignment) : 0};
    }
    bool knows_bytes() const { return bytes != unknown_bytes; }
    bool knows_anything() const { return knows_bytes() || alignment != 1; }
    // Whether a block may be at that address; nothing is, for an alignment of 0.
    bool is_aligned(std::uintptr_t address) const { return (address & (alignment - 1)) == 0; }
};

inline constexpr char const* wrong_size = "the size that delete was told is not the block's";
inline constexpr char const* wrong_alignment =
    "the alignment that delete was told is not the block's";

}  // namespace slab
