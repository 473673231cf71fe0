// What whoever asks for a block or gives it back says about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace slab {

// Who asked for a block; it must be given back the same way.
enum class Origin : std::uint8_t { none, malloc, operator_new, operator_new_array };

struct Freed {
    Origin origin = Origin::malloc;
    std::optional<std::size_t> bytes{};  // not all know
    std::size_t alignment = 1;
};

inline constexpr char const* wrong_size = "the size that delete was told is not the block's";
inline constexpr char const* wrong_alignment =
    "the alignment that delete was told is not the block's";

}  // namespace slab
