// Free pages of slabs in use go back to the system: a slab's absent pages are a bitmap, and the blocks that
// reach into one of them are in no list until it is wanted again. For sources whose pages stay usable when
// they are taken away. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace slab {

// Where a slab's blocks and pages are to each other. Block 0 is the first one, page 0 the slab's first.
class SlabPages {
  public:
    SlabPages(std::uintptr_t memory, std::uintptr_t first_block, std::size_t block_bytes)
        : offset_(first_block - memory), block_bytes_(block_bytes) {}

    // The pages that a block reaches into.
    std::uint32_t pages_of(std::uint32_t block) const {
        auto const begin = offset_ + block * block_bytes_;
        auto const first = begin / page_bytes;
        auto const last = (begin + block_bytes_ - 1) / page_bytes;
        return bits_up_to(last + 1) & ~bits_up_to(first);
    }
    // The blocks that reach into a page: [first, last).
    std::uint32_t first_block_of(std::uint32_t page) const {
        auto const begin = page * page_bytes;
        return begin <= offset_ ? 0 : static_cast<std::uint32_t>((begin - offset_) / block_bytes_);
    }
    std::uint32_t last_block_of(std::uint32_t page, std::uint32_t count) const {
        auto const end = (page + 1) * page_bytes;
        auto const last = end <= offset_ ? 0 : (end - offset_ + block_bytes_ - 1) / block_bytes_;
        return std::min(static_cast<std::uint32_t>(last), count);
    }
    // Pages of which nothing lies beyond so many blocks.
    std::uint32_t whole_pages_of(std::uint32_t blocks) const {
        return bits_up_to((offset_ + blocks * block_bytes_) / page_bytes);
    }
    // How many of the first blocks reach into one of these pages.
    std::uint32_t blocks_in(std::uint32_t pages, std::uint32_t count) const {
        std::uint32_t blocks = 0;
        std::uint32_t next = 0;
        for (; pages != 0; pages &= pages - 1) {
            auto const page = static_cast<std::uint32_t>(std::countr_zero(pages));
            auto const first = std::max(next, first_block_of(page));
            next = std::max(next, last_block_of(page, count));
            blocks += next > first ? next - first : 0;
        }
        return blocks;
    }

  private:
    static std::uint32_t bits_up_to(std::size_t page) {
        return static_cast<std::uint32_t>((std::uint64_t{1} << page) - 1);
    }
    std::size_t offset_;
    std::size_t block_bytes_;
};
static_assert(max_slab_bytes / page_bytes <= 32);

// A bit for each block of a slab.
class BlockBits {
  public:
    void set(std::uint32_t block) {
        words_[block / 64] |= std::uint64_t{1} << block % 64;
        ++count_;
    }
    std::uint32_t count() const { return count_; }
    template <typename Visit>
    void for_each(Visit visit) const {
        for (std::uint32_t i = 0; i < words_.size(); ++i) {
            for_each_bit(words_[i], i * 64, visit);
        }
    }
    // Of the first `count`, those that are not set.
    template <typename Visit>
    void for_each_other(std::uint32_t count, Visit visit) const {
        for (std::uint32_t i = 0; i * 64 < count; ++i) {
            auto const left = count - i * 64;
            auto const mask = left < 64 ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
            for_each_bit(~words_[i] & mask, i * 64, visit);
        }
    }

  private:
    template <typename Visit>
    static void for_each_bit(std::uint64_t word, std::uint32_t base, Visit visit) {
        for (; word != 0; word &= word - 1) {
            visit(base + static_cast<std::uint32_t>(std::countr_zero(word)));
        }
    }
    std::array<std::uint64_t, unit_bytes / tiny_limit / 64> words_{};
    std::uint32_t count_ = 0;
};

template <HeapConfig Config>
SlabPages LocalHeap<Config>::pages_of(Arena const& arena, Unit const& slab) {
    return {arena.memory_of(slab), arena.first_block(slab), class_bytes(slab.size_class)};
}

// Blocks that were handed out once and are in no list now.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::absent_blocks(Arena const& arena, Unit const& slab) {
    return slab.absent_pages() == 0
               ? 0
               : pages_of(arena, slab).blocks_in(slab.absent_pages(), slab.carved);
}

// When the heap has grown by a third since the last time, or by an eighth and much of it is likely to be free pages
// of slabs in use: those come before new ones.
template <HeapConfig Config>
void LocalHeap<Config>::release_pages_if_grown(Arena& arena) {
    if constexpr (gives_pages_back) {
        auto const& runs = arena.runs();
        auto const held = runs.pages_taken() - runs.pages_returned();
        constexpr std::uint64_t least = 512;
        held_when_released_ = std::min(held_when_released_, held);
        held_when_asked_ = std::min(held_when_asked_, held);
        if (held - held_when_asked_ > least + held_when_asked_ / 8) {
            if (held - held_when_released_ > held_when_released_ / 3 ||
                sparse_pages(arena) > held / 4) {
                release_pages(arena);
                held_when_released_ = runs.pages_taken() - runs.pages_returned();
            }
            held_when_asked_ = runs.pages_taken() - runs.pages_returned();
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
                } else {
                    release_pages_of(arena, slab);
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
#ifdef __clang__
[[clang::no_sanitize("thread")]]
#endif
BlockBits LocalHeap<Config>::blocks_that_look_free(Arena const& arena, Unit const& slab) {
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

template <HeapConfig Config>
void LocalHeap<Config>::release_pages_of(Arena& arena, Unit& slab) {
    if (!is_sparse(slab)) {
        return;
    }
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
