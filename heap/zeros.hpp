// Whether a block is zero, and making it so: inline, where a call would cost more than the work. Sizes are
// multiples of 16, as addresses are; parts may be done twice, which costs less than deciding otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t inline_limit = 512;
using Vector = std::uint64_t __attribute__((vector_size(16), may_alias));

// Calls visit(offset) for 16 bytes each: for the first 32 bytes and the last 32 but 16, where they have that many.
// Whether there are others between.
template <typename Visit>
[[gnu::always_inline]] inline bool visit_ends(std::size_t bytes, Visit visit) {
    visit(0);
    if (bytes <= 32) {
        return false;
    }
    visit(16);
    visit(bytes - 32);
    return bytes > 64;
}
template <typename Visit>
[[gnu::always_inline]] inline void visit_between(std::size_t bytes, Visit visit) {
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
    for (std::size_t offset = 32; offset + 32 < bytes; offset += 32) {
        visit(offset);
        visit(offset + 16);
    }
}
// All but the last 16 bytes, and those, if there are no others.
template <typename Visit>
[[gnu::always_inline]] inline void for_each_vector_but_last(std::size_t bytes, Visit visit) {
    if (visit_ends(bytes, visit)) {
        visit_between(bytes, visit);
    }
}

// Makes all zero.
[[gnu::always_inline]] inline void make_zero(std::uintptr_t address, std::size_t bytes) {
    auto const zero = [&](std::size_t at) { *reinterpret_cast<Vector*>(address + at) = Vector{}; };
    zero(bytes - sizeof(Vector));
    if (visit_ends(bytes, zero)) {
        if (bytes > inline_limit) {
            __builtin_memset(reinterpret_cast<void*>(address), 0, bytes);
        } else {
            visit_between(bytes, zero);
        }
    }
}

// Whether all is zero but the last word, and that is `last`.
[[gnu::always_inline]] inline bool is_zero_up_to(std::uintptr_t address, std::size_t bytes,
                                                 std::uint64_t last) {
    Vector all =
        *reinterpret_cast<Vector const*>(address + bytes - sizeof(Vector)) ^ Vector { 0, last };
    if (bytes > sizeof(Vector)) {
        for_each_vector_but_last(
            bytes, [&](std::size_t at) { all |= *reinterpret_cast<Vector const*>(address + at); });
    }
    return (all[0] | all[1]) == 0;
}

// Makes it so. At no time does the last word hold anything but what it held, or `last`.
[[gnu::always_inline]] inline void make_zero_up_to(std::uintptr_t address, std::size_t bytes,
                                                   std::uint64_t last) {
    if (bytes > sizeof(Vector)) {
        for_each_vector_but_last(
            bytes, [&](std::size_t at) { *reinterpret_cast<Vector*>(address + at) = Vector{}; });
    }
    *reinterpret_cast<Vector*>(address + bytes - sizeof(Vector)) = Vector{0, last};
}

}  // namespace slab
