// Size classes: 8 bytes, 16-byte steps to 1 KiB, then sixteen a doubling to 32 KiB. Larger blocks are
// page runs.
#pragma once

#include "heap/page_source.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace slab {

inline constexpr std::size_t quantum = 16;
inline constexpr std::size_t fine_limit = 1024;
inline constexpr std::size_t small_limit = 32 * 1024;
inline constexpr std::size_t classes_a_doubling = 16;
// Class 0 serves requests of at most 8 bytes.
inline constexpr std::size_t tiny_limit = 8;
inline constexpr std::size_t fine_classes = fine_limit / quantum + 1;
inline constexpr std::size_t class_count = fine_classes + 5 * classes_a_doubling;
constexpr bool is_coarse(std::size_t size_class) { return size_class >= fine_classes; }

// A slab's unit of memory, and how many a slab of a class has.
inline constexpr std::size_t unit_shift = 16;
inline constexpr std::size_t unit_bytes = std::size_t{1} << unit_shift;
inline constexpr std::size_t coarse_slab_units = 2;

// Of more than tiny_limit and up to fine_limit.
constexpr std::size_t fine_class_of(std::size_t bytes) { return (bytes + quantum - 1) / quantum; }
// Of more than fine_limit and up to small_limit.
constexpr std::size_t coarse_class_of(std::size_t bytes) {
    auto const doubling = std::size_t{63} ^ static_cast<unsigned>(__builtin_clzll(bytes - 1));
    auto const sixteenths = (bytes - 1) >> (doubling - 4);  // 16 to 31: 2^doubling < bytes
    return fine_classes + (doubling - 11) * classes_a_doubling + sixteenths;
}
// The class of a request of `bytes`, at most small_limit.
constexpr std::size_t class_of(std::size_t bytes) {
    if (bytes <= tiny_limit) {
        return 0;
    }
    return bytes <= fine_limit ? fine_class_of(bytes) : coarse_class_of(bytes);
}

// Bytes of a block of this class.
constexpr std::size_t class_bytes(std::size_t index) {
    if (index < fine_classes) {
        return index == 0 ? tiny_limit : index * quantum;
    }
    auto const doubling = (index - fine_classes) / classes_a_doubling + 10;
    auto const step = (index - fine_classes) % classes_a_doubling + 1;
    return (std::size_t{1} << doubling) + (step << (doubling - 4));
}

// Classes that are little used are served by the largest one of their group, of which there are so many a
// doubling, beyond so many bytes: then fewer free blocks of every size wait for the next one that wants it.
inline constexpr std::size_t groups_a_doubling = 4;
inline constexpr std::size_t ungrouped_limit = 128;
constexpr std::size_t group_of(std::size_t index) {
    auto const bytes = class_bytes(index);
    if (bytes <= ungrouped_limit) {
        return index;
    }
    auto const step = std::max(std::bit_floor(bytes - 1) / groups_a_doubling, quantum);
    return class_of((bytes + step - 1) / step * step);
}
inline constexpr auto groups = [] {
    std::array<std::uint8_t, class_count> all{};
    for (std::size_t i = 0; i < class_count; ++i) {
        all[i] = static_cast<std::uint8_t>(group_of(i));
    }
    return all;
}();
// Requests of less than so many bytes are of fine classes.
inline constexpr std::size_t fine_end = fine_limit + 1;
// Whether a block of that class may be what a request of class `index` got.
constexpr bool may_serve(std::size_t of_block, std::size_t index) {
    return of_block == index || of_block == groups[index];
}

inline constexpr auto class_sizes = [] {
    std::array<std::uint32_t, class_count> all{};
    for (std::size_t i = 0; i < class_count; ++i) {
        all[i] = static_cast<std::uint32_t>(class_bytes(i));
    }
    return all;
}();

// Of the pages that as many blocks as there is room for reach into, the bytes of none.
constexpr std::size_t lost_bytes(std::size_t index, std::size_t units) {
    auto const blocks = units * unit_bytes / class_bytes(index) * class_bytes(index);
    return (blocks + page_bytes - 1) / page_bytes * page_bytes - blocks;
}
// One, unless a larger slab loses less of its memory, and that matters: small slabs are free sooner, for other classes.
inline constexpr auto units_of_slabs = [] {
    constexpr std::size_t matters = unit_bytes / 64;
    constexpr std::size_t most_in_one =
        unit_bytes / 4;  // of fewer than four blocks much is before the first one
    std::array<std::uint8_t, class_count> all{};
    for (std::size_t i = 0; i < class_count; ++i) {
        auto const lost = lost_bytes(i, 1);
        bool const is_one =
            !is_coarse(i) ||
            (class_bytes(i) <= most_in_one &&
             (lost < matters || lost * coarse_slab_units <= lost_bytes(i, coarse_slab_units)));
        all[i] = is_one ? 1 : coarse_slab_units;
    }
    return all;
}();
constexpr std::size_t slab_units(std::size_t index) { return units_of_slabs[index]; }
constexpr std::size_t slab_bytes(std::size_t index) { return slab_units(index) * unit_bytes; }
// Divisions that nobody should wait for.
inline constexpr auto slab_blocks = [] {
    std::array<std::uint32_t, class_count> all{};
    for (std::size_t i = 0; i < class_count; ++i) {
        all[i] = static_cast<std::uint32_t>(slab_bytes(i) / class_bytes(i));
    }
    return all;
}();
constexpr std::uint32_t blocks_a_slab(std::size_t index) { return slab_blocks[index]; }
inline constexpr std::size_t max_slab_bytes = coarse_slab_units * unit_bytes;

// What a block of at least `bytes` has at least, if blocks of its size lie at multiples of `alignment`, a power of two. Up
// to fine_limit there is a class of just so many.
constexpr std::size_t aligned_bytes(std::size_t alignment, std::size_t bytes) {
    return ((bytes != 0 ? bytes : 1) + alignment - 1) & ~(alignment - 1);
}

// The class of blocks of at least `bytes` at multiples of `alignment`, a power of two: blocks lie at
// multiples of their size before the end of a slab, which is aligned to a unit. Nothing, if none is.
constexpr std::optional<std::size_t> class_of_aligned(std::size_t alignment, std::size_t bytes) {
    if (bytes > small_limit || alignment > unit_bytes) {
        return std::nullopt;
    }
    auto const least = aligned_bytes(alignment, bytes);
    if (least > small_limit) {
        return std::nullopt;
    }
    auto size_class = class_of(least);
    while (size_class < class_count && class_bytes(size_class) % alignment != 0) {
        ++size_class;
    }
    return size_class < class_count ? std::optional(size_class) : std::nullopt;
}

inline constexpr std::size_t max_alignment = std::size_t{2} << 20;
// Blocks from here on move by their pages, where the source can. Below, to copy is cheaper.
inline constexpr std::size_t least_moved = std::size_t{256} << 10;

// For asking whether a distance within a slab is a multiple of the block size: distance * reciprocal, modulo 2^64, is
// below the reciprocal, if it is, and else no less (Lemire, Kaser and Kurz, "Faster remainder by direct computation",
// 2019).
constexpr std::uint64_t reciprocal(std::size_t bytes) { return UINT64_MAX / bytes + 1; }
// Within a slab it is then below this, too, which is the same for all classes.
inline constexpr std::uint64_t most_of_multiple = max_slab_bytes;
static_assert([] {
    for (std::size_t i = 0; i < class_count; ++i) {
        auto const a_block = class_bytes(i) * reciprocal(class_bytes(i));
        if (a_block * blocks_a_slab(i) >= most_of_multiple) {
            return false;
        }
    }
    return true;
}());

static_assert(class_of(8) == 0 && class_of(9) == 1 && class_of(1024) == 64);
static_assert(class_of(1025) == 65 && class_bytes(65) == 1088);
static_assert(class_bytes(class_count - 1) == small_limit);
static_assert(class_of(small_limit) == class_count - 1);

}  // namespace slab
