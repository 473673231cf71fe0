// Whether a block is zero, and making it so: inline, where a call would cost more than the work. Sizes are
// multiples of 16, unless something else is said, as addresses are; parts may be done twice, which costs less than
// deciding otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t inline_limit = 512;
using Vector = std::uint64_t __attribute__((vector_size(16), may_alias));

// Calls visit(offset) for 16 bytes each: for those behind the first 16 and those before the last 16, where there are
// any. Whether there are others between.
template <typename Visit>
[[gnu::always_inline]] inline bool visit_ends(std::size_t bytes, Visit visit) {
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
// All but the first 16 bytes and the last.
template <typename Visit>
[[gnu::always_inline]] inline void visit_inner(std::size_t bytes, Visit visit) {
    if (visit_ends(bytes, visit)) {
        visit_between(bytes, visit);
    }
}

// Makes a block of so many bytes zero, up to where the next one could begin: at the next multiple of 16, or of 8 for one of
// at most 8.
[[gnu::always_inline]] inline void make_zero(std::uintptr_t address, std::size_t bytes) {
    auto const zero = [&](std::size_t at) { *reinterpret_cast<Vector*>(address + at) = Vector{}; };
    if (bytes <= 2 * sizeof(Vector)) [[unlikely]] {
        *reinterpret_cast<std::uint64_t*>(address) = 0;
        if (bytes > sizeof(std::uint64_t)) {
            zero(0);
        }
        if (bytes > sizeof(Vector)) {
            zero(sizeof(Vector));
        }
        return;
    }
    auto const zero_anywhere = [&](std::size_t at) {
        __builtin_memset(reinterpret_cast<void*>(address + at), 0, sizeof(Vector));
    };
    zero(0);
    zero(sizeof(Vector));
    zero_anywhere(bytes - 2 * sizeof(Vector));
    zero_anywhere(bytes - sizeof(Vector));
    if (bytes > 4 * sizeof(Vector)) {
        if (bytes > inline_limit) {
            __builtin_memset(reinterpret_cast<void*>(address), 0, bytes);
        } else {
            visit_between(bytes, zero);
        }
    }
}

// Whether all is zero but the first word, which may be anything, and the last one, which is `last`. The first one has
// just been written to: a load of it and more would wait until that has left the store buffer.
[[gnu::always_inline]] inline bool is_zero_between(std::uintptr_t address, std::size_t bytes,
                                                   std::uint64_t last) {
    auto const second = *reinterpret_cast<std::uint64_t const*>(address + sizeof(std::uint64_t));
    if (bytes == sizeof(Vector)) {
        return second == last;
    }
    auto const at = [&](std::size_t offset) {
        return *reinterpret_cast<Vector const*>(address + offset);
    };
    Vector all = Vector{second, 0} | (at(bytes - sizeof(Vector)) ^ Vector{0, last});
    visit_inner(bytes, [&](std::size_t offset) { all |= at(offset); });
    return (all[0] | all[1]) == 0;
}

// Makes it so, and the first word zero. At no time does the last one hold anything but what it held, or `last`.
[[gnu::always_inline]] inline void make_zero_up_to(std::uintptr_t address, std::size_t bytes,
                                                   std::uint64_t last) {
    if (bytes > sizeof(Vector)) {
        auto const zero = [&](std::size_t at) {
            *reinterpret_cast<Vector*>(address + at) = Vector{};
        };
        zero(0);
        visit_inner(bytes, zero);
    }
    *reinterpret_cast<Vector*>(address + bytes - sizeof(Vector)) = Vector{0, last};
}

}  // namespace slab
