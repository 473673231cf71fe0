// Free pages of slabs in use go back to the system: a slab's absent pages are a bitmap, and the blocks that
// reach into one of them are in no list until it is wanted again. For sources whose pages stay usable when
// they are taken away. Included by local_heap.hpp.
#pragma once

#include "heap/attributes.hpp"
#include "heap/local_heap.hpp"
#include "heap/slab_pages.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace slab {

template <HeapConfig Config>
SlabPages LocalHeap<Config>::pages_of(Arena const& arena, Unit const& slab) {
    return {arena.memory_of(slab), arena.first_block(slab), class_bytes(slab.size_class)};
}

// Blocks that were handed out once and are in no list now.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::absent_blocks(Arena const& arena, Unit const& slab) {
    return !gives_pages_back || slab.absent_pages() == 0
               ? 0
               : pages_of(arena, slab).blocks_in(slab.absent_pages(), slab.carved);
}

// When the heap has grown by a third since the last time, or by a thirty-second and much of it is likely to be free pages
// of slabs in use: those come before new ones.
template <HeapConfig Config>
void LocalHeap<Config>::release_pages_if_grown(Arena& arena) {
    if constexpr (gives_pages_back) {
        auto const& runs = arena.runs();
        auto const pages_held = [&] {
            return static_cast<std::uint32_t>(runs.pages_taken() - runs.pages_returned());
        };
        auto const held = pages_held();
        constexpr std::uint32_t least = 512;
        held_when_released_ = std::min(held_when_released_, held);
        held_when_asked_ = std::min(held_when_asked_, held);
        if (held - held_when_asked_ > least + held_when_asked_ / 32) {
            mix_slabs(arena);
            if (held - held_when_released_ > held_when_released_ / 3 ||
                sparse_pages(arena) > held / 4) {
                release_pages(arena);
                held_when_released_ = pages_held();
            }
            held_when_asked_ = pages_held();
        }
    }
}

// Whether a slab has so few blocks in use that some of its pages are free: where two a page are in use, one page in
// seven is, if they are where chance has it.
inline bool is_sparse(Unit const& slab) {
    constexpr std::uint32_t most_used_a_page = 2;
    auto const pages = slab_bytes(slab.size_class) / page_bytes;
    return slab.used() <= most_used_a_page * pages && !slab.was_released_with(slab.used());
}

// Pages of such slabs, less one for each block in use.
template <HeapConfig Config>
std::uint64_t LocalHeap<Config>::sparse_pages(Arena const& arena) const {
    std::uint64_t sparse = 0;
    for (auto const& list : partial_) {
        for (auto index = list.first(); index != 0; index = arena.runs().unit(index).next) {
            auto const& slab = arena.runs().unit(index);
            auto const busy =
                static_cast<std::uint32_t>(std::popcount(slab.absent_pages())) + slab.used();
            auto const pages = static_cast<std::uint32_t>(slab_bytes(slab.size_class) / page_bytes);
            sparse += is_sparse(slab) && pages > busy ? pages - busy : 0;
        }
    }
    return sparse;
}

template <HeapConfig Config>
void LocalHeap<Config>::release_pages(Arena& arena) {
    if constexpr (gives_pages_back) {
        for (auto& list : partial_) {
            for (auto index = list.first(); index != 0;) {
                auto& slab = arena.runs().unit(index);
                auto const next = slab.next;
                arena.collect(slab);
                if (slab.used() == 0) {
                    list.remove(arena.runs().units(), index);
                    put(arena, index);
                } else if (is_sparse(slab)) {
                    arena.begin_use(slab);
                    release_pages_of(arena, slab);
                    slab.end_use();
                }
                index = next;
            }
        }
    }
}

// Which blocks of a slab look free, a bit each: in order, since to follow the list would cost several times as
// much, in memory that is in no cache. Others may be at work on blocks of theirs meanwhile, and what they free
// looks free before it is in this slab's list.
template <HeapConfig Config>
SLAB_LOOKS_ON BlockBits LocalHeap<Config>::blocks_that_look_free(Arena const& arena,
                                                                 Unit const& slab) {
    BlockBits is_free;
    auto const geometry = pages_of(arena, slab);
    auto const absent = slab.absent_pages();
    auto const size = class_bytes(slab.size_class);
    auto address = arena.first_block(slab);
    if constexpr (!has_checks) {  // only the list says it
        for (auto block = slab.free; block != arena.end_mark(slab);
             block ^= arena.key().step(block)) {
            is_free.set(static_cast<std::uint32_t>((block - address) / size));
        }
        return is_free;
    }
    for (std::uint32_t block = 0; block < slab.carved; ++block, address += size) {
        if (absent != 0 && (geometry.pages_of(block) & absent) != 0) {
            continue;
        }
        if (LinkKey::is_free(arena.key().step(address))) {
            is_free.set(block);
        }
    }
    return is_free;
}

// Of one that is sparse and in use here.
template <HeapConfig Config>
void LocalHeap<Config>::release_pages_of(Arena& arena, Unit& slab) {
    slab.set_released_with(slab.used());
    auto const is_free = blocks_that_look_free(arena, slab);
    if (is_free.count() + slab.used() + absent_blocks(arena, slab) != slab.carved) {
        return;  // some are in nobody's list yet
    }
    auto const geometry = pages_of(arena, slab);
    auto const absent = slab.absent_pages();
    auto busy = absent;
    is_free.for_each_other(slab.carved, [&](std::uint32_t block) {
        auto const here = geometry.pages_of(block);
        busy |= (here & absent) == 0 ? here : 0;
    });
    auto const leaving = geometry.whole_pages_of(slab.carved) & ~busy;
    if (leaving == 0) {
        return;
    }
    // The others stay in the list, in the order of their addresses.
    auto const first = arena.first_block(slab);
    auto const size = class_bytes(slab.size_class);
    auto last = std::uintptr_t{0};
    slab.free = arena.end_mark(slab);
    is_free.for_each([&](std::uint32_t block) {
        if ((geometry.pages_of(block) & leaving) == 0) {
            auto const address = first + block * size;
            last != 0 ? arena.key().link(last, address) : void(slab.free = address);
            last = address;
        }
    });
    if (last != 0) {
        arena.key().link(last, arena.end_mark(slab));
    }
    slab.set_absent_pages(absent | leaving);
    arena.runs().discard(arena.runs().index_of(slab), leaving);
}

// The blocks of a page that was absent are the class's list.
template <HeapConfig Config>
bool LocalHeap<Config>::restore_page(Arena& arena, Unit& slab) {
    if constexpr (gives_pages_back) {
        if (slab.absent_pages() == 0) {
            return false;
        }
        auto const geometry = pages_of(arena, slab);
        auto const first = arena.first_block(slab);
        auto const size = class_bytes(slab.size_class);
        while (slab.absent_pages() != 0) {
            auto const page = static_cast<std::uint32_t>(std::countr_zero(slab.absent_pages()));
            slab.set_absent_pages(slab.absent_pages() & (slab.absent_pages() - 1));
            arena.runs().count_restored(1);
            count_new_pages(1);
            auto list = arena.end_mark(slab);
            std::uint32_t blocks = 0;
            for (auto block = geometry.last_block_of(page, slab.carved);
                 block-- > geometry.first_block_of(page);) {
                if ((geometry.pages_of(block) & slab.absent_pages()) == 0) {
                    arena.key().link(first + block * size, list);
                    list = first + block * size;
                    ++blocks;
                }
            }
            if (blocks != 0) {
                give_list(slab, list, blocks);
                return true;
            }
        }
    }
    return false;
}

}  // namespace slab
