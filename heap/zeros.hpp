// Whether memory is zero, and making it so: inline where a call would cost more than the work.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t inline_limit = 256;
using Words = std::uint64_t __attribute__((vector_size(16), may_alias));

// `bytes` is 8 less than a multiple of 16, where the memory begins.
[[gnu::always_inline]] inline bool is_zero(std::uintptr_t address, std::size_t bytes) {
    auto const* const words = reinterpret_cast<Words const*>(address);
    Words all{};
#pragma clang loop unroll(disable)
    for (std::size_t i = 0; i < bytes / sizeof(Words); ++i) {
        all |= words[i];
    }
    auto const last = *reinterpret_cast<std::uint64_t const*>(address + bytes - sizeof(std::uint64_t));
    return (all[0] | all[1] | last) == 0;
}

// Both are multiples of 16; not for more than inline_limit.
[[gnu::always_inline]] inline void make_zero(std::uintptr_t address, std::size_t bytes) {
    auto* const words = reinterpret_cast<Words*>(address);
    for (std::size_t i = 0; i < bytes / sizeof(Words); ++i) {
        words[i] = Words{};
        asm volatile("");  // or it becomes a call
    }
}

}  // namespace slab
