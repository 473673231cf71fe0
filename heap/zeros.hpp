// Whether a block is zero, and making it so: inline, where a call would cost more than the work. Sizes are
// multiples of 16, as addresses are; parts may be done twice, which costs less than deciding otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t inline_limit = 512;
using Vector = std::uint64_t __attribute__((vector_size(16), may_alias));

// Calls visit(offset) for 16 bytes each, so that all of `bytes` but the last 16 are covered.
template <typename Visit>
[[gnu::always_inline]] inline void for_each_vector_but_last(std::size_t bytes, Visit visit) {
    if (bytes <= 16) {
        return;
    }
    if (bytes <= 32) {
        return visit(0);
    }
    if (bytes <= 64) {
        visit(0);
        visit(16);
        return visit(bytes - 32);
    }
    std::size_t offset = 0;
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
    do {
        visit(offset);
        visit(offset + 16);
        visit(offset + 32);
        visit(offset + 48);
        offset += 64;
    } while (offset + 64 < bytes);
    visit(bytes - 64);
    visit(bytes - 48);
    visit(bytes - 32);
}

// Whether all is zero but the last word, and that is `last`.
[[gnu::always_inline]] inline bool is_zero_up_to(std::uintptr_t address, std::size_t bytes,
                                                 std::uint64_t last) {
    Vector all =
        *reinterpret_cast<Vector const*>(address + bytes - sizeof(Vector)) ^ Vector { 0, last };
    for_each_vector_but_last(
        bytes, [&](std::size_t at) { all |= *reinterpret_cast<Vector const*>(address + at); });
    return (all[0] | all[1]) == 0;
}

// Makes it so.
[[gnu::always_inline]] inline void make_zero_up_to(std::uintptr_t address, std::size_t bytes,
                                                   std::uint64_t last) {
    for_each_vector_but_last(
        bytes, [&](std::size_t at) { *reinterpret_cast<Vector*>(address + at) = Vector{}; });
    *reinterpret_cast<Vector*>(address + bytes - sizeof(Vector)) = Vector{0, last};
}

}  // namespace slab
