// What every program may read: arrays that the kernel keeps and maps read-only, at one place in
// every space that asked for them. DESIGN.md, "Contracts: Layout: Views".
#pragma once

#include "abi/types.hpp"

#include <cstdint>

namespace quarry::abi {

enum class ViewStatus : std::uint32_t { free, ended, runnable, running, not_runnable };

// One slot of the table of environments.
struct EnvView {
    std::uint64_t id;     // EnvId; 0 while the slot is free
    std::uint64_t space;  // SpaceId
    ViewStatus status;
    std::uint32_t processor;  // that runs it, or did last
    std::int32_t jos_id;      // the id as JOS's programs see it
    std::int32_t jos_parent;  // and its creator's
    std::uint64_t reserved[4];
};
static_assert(sizeof(EnvView) == 64);

// One frame of memory, by its number: the word that the kernel counts references in.
struct PageView {
    std::uint64_t counts;  // references(): how often it is mapped or held
    std::uint64_t kernels_own;
};
static_assert(sizeof(PageView) == 16);

// References to a frame, from its view: the owner's mappings less one lie signed on top, those of
// others below.
constexpr std::uint64_t references(PageView const& page) {
    auto const owners = static_cast<std::int64_t>(page.counts) >> 40;
    auto const others = page.counts >> 16 & 0xff'ffff;
    return static_cast<std::uint64_t>(owners + 1) + others;
}

inline constexpr std::size_t env_view_slots = 4096;
inline constexpr std::uint64_t views_base = system_slot + (1u << 30);
inline constexpr std::uint64_t env_views = views_base;
inline constexpr std::uint64_t page_views = views_base + huge_bytes;
inline constexpr std::uint64_t views_end = views_base + (1u << 30);

// JOS's 32-bit ids: a slot of 12 bits below a generation, which wraps.
constexpr std::int32_t jos_id_of(EnvId env) {
    constexpr std::uint64_t positive = 0x7fff'ffff;
    return static_cast<std::int32_t>((env.value >> 16 << 12 | (env.value & 0xfff)) & positive);
}

// A space's own page tables as it may read them, level by level: an entry for each page from 0 on.
struct SelfMap {
    std::uint64_t slot;  // of the root table
    constexpr std::uint64_t pages() const { return slot << 39; }
    constexpr std::uint64_t tables() const { return pages() | slot << 30; }
    constexpr std::uint64_t directories() const { return tables() | slot << 21; }
    constexpr std::uint64_t root() const { return directories() | slot << 12; }
};
inline constexpr SelfMap native_self_map{0xfe};
inline constexpr SelfMap jos_self_map{2};

}  // namespace quarry::abi
