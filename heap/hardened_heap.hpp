// One thread's part of a hardened heap. It stands before a LocalHeap and gives each block a tag, a canary
// behind what was asked for, and, when freed, zeros and a time of rest of random length. docs/heap.md
// says what is found when.
#pragma once

#include "heap/canary.hpp"
#include "heap/freed.hpp"
#include "heap/local_heap.hpp"
#include "heap/mistakes.hpp"
#include "heap/quarantine.hpp"
#include "heap/tag.hpp"
#include "heap/zeros.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace slab {

template <HeapConfig Config>
    requires is_hardened<Config>
class HardenedHeap {
  public:
    using Arena = slab::Arena<Config>;

    constexpr explicit HardenedHeap(std::uint64_t seed) : quarantine_(seed) {}
    HardenedHeap(HardenedHeap const&) = delete;
    HardenedHeap& operator=(HardenedHeap const&) = delete;

    // `bytes` zero bytes, aligned to 16, or null. What is not at hand is ways.slow()'s affair; a block at an address
    // that was written to while it was free, ways.unclean(address, size)'s; any other goes through ways.done(block).
    template <typename Ways>
    [[gnu::always_inline]] void* allocate(Arena& arena, std::size_t bytes, Origin origin,
                                          Ways ways) {
        if (bytes > fine_limit - tag_bytes) [[unlikely]] {
            return ways.slow();
        }
        auto const size_class = (bytes + tag_bytes + quantum - 1) / quantum;
        auto* const block = heap_.take_at_hand(arena, size_class);
        if (block == nullptr) [[unlikely]] {
            return ways.slow();
        }
        auto const address = reinterpret_cast<std::uintptr_t>(block);
        auto const size = size_class * quantum;
        if (!is_clean(arena, address, size)) [[unlikely]] {
            return ways.unclean(address, size);
        }
        mark(arena, address, {bytes, origin}, size);
        return ways.done(block);
    }
    void* allocate(Arena& arena, std::size_t bytes, Origin origin) {
        return allocate(arena, bytes, origin, OwnAllocation{*this, arena, {bytes, origin}});
    }
    // The same, at a multiple of `alignment`.
    [[gnu::noinline]] void* allocate_aligned(Arena& arena, std::size_t alignment, std::size_t bytes,
                                             Origin origin);
    // Gives a block back. Whatever is wrong with it is reported.
    [[gnu::noinline]] void free(Arena& arena, void* pointer, Freed freed);
    // The same in less time, but what is not a good block is ways.bad()'s affair. Good ones that are not simple go through
    // ways.rest(slab, address), to rest(); ways.back(block), to put_back(); ways.changed(slab), to changed(); all
    // others through ways.done().
    template <typename Ways>
    [[gnu::always_inline]] void free(Arena& arena, void* pointer, Freed freed, Ways ways) {
        auto const address = reinterpret_cast<std::uintptr_t>(pointer);
        auto* const slab = good_slab_at(arena, address, freed);
        if (slab == nullptr) [[unlikely]] {
            return ways.bad();
        }
        give_back(arena, *slab, address, ways);
    }
    [[gnu::noinline]] void rest(Arena& arena, Unit& slab, std::uintptr_t address);
    // A block that has rested. What is not zero any more in it, beyond its first word, is seen when it is
    // used again.
    [[gnu::noinline]] void put_back(Arena& arena, std::uintptr_t* block);
    void changed(Arena& arena, Unit& slab) { heap_.slab_changed(arena, slab); }
    // A free block that was written to, for use all the same.
    [[gnu::noinline]] void* clean(Arena& arena, std::uintptr_t address, Tag tag, std::size_t size);
    // malloc's kind of block with another size; on null the old one stays as it is.
    void* reallocate(Arena& arena, void* pointer, std::size_t bytes);
    // What was asked for; 0, and a report, if the pointer is no block.
    std::size_t usable_bytes(Arena& arena, void const* pointer);

    // Looks at this thread's free blocks whether somebody wrote to them.
    void check(Arena& arena);
    // For the end of a thread.
    void abandon(Arena& arena);
    void trim(Arena& arena) {
        end_rest(arena);
        heap_.trim(arena);
    }

  private:
    struct OwnAllocation {
        HardenedHeap& heap;
        Arena& arena;
        Tag tag;

        void* slow() { return heap.allocate_aligned(arena, quantum, tag.bytes(), tag.origin()); }
        void* unclean(std::uintptr_t address, std::size_t size) {
            return heap.clean(arena, address, tag, size);
        }
        void* done(void* block) { return block; }
    };
    struct OwnFree {
        HardenedHeap& heap;
        Arena& arena;

        void rest(Unit& slab, std::uintptr_t address) { heap.rest(arena, slab, address); }
        void back(std::uintptr_t* block) { heap.put_back(arena, block); }
        void changed(Unit& slab) { heap.changed(arena, slab); }
        void done() {}
    };
    struct Block {
        Unit* unit;
        std::uintptr_t address;
        std::size_t bytes;
        Origin origin;
    };

    // A place for a small block and its surroundings, as they are to be. What is wrong, if anything, is find's affair.
    [[gnu::always_inline]] static bool is_good(Arena const& arena, Unit const& slab,
                                               std::uintptr_t address, Freed freed) {
        auto const size = class_sizes[slab.size_class];
        auto const bytes =
            TagPlace(arena.tag_key(), address, size).read().bytes_if_of(freed.origin);
        return bytes <= size - tag_bytes && (!freed.knows_bytes() || freed.bytes == bytes) &&
               freed.is_aligned(address) &&
               Canary(arena.tag_key(), address, bytes, size).is_whole() &&
               is_whole_before(arena, address, size);
    }
    // The slab of a block that is good; null for any other pointer.
    [[gnu::always_inline]] static Unit* good_slab_at(Arena const& arena, std::uintptr_t address,
                                                     Freed freed) {
        auto const metadata = arena.metadata_of(address);
        if (!arena.is_own(metadata)) [[unlikely]] {
            return nullptr;
        }
        auto* slab = &arena.unit_of(metadata);
        if (!Arena::is_own_block(*slab, address)) [[unlikely]] {
            slab = &arena.head_of(*slab);
            if (slab->kind != UnitKind::slab || !Arena::is_block(*slab, address)) {
                return nullptr;
            }
        }
        return is_good(arena, *slab, address, freed) ? slab : nullptr;
    }
    // A good block becomes a free one, and in its turn one to use again.
    template <typename Ways>
    [[gnu::always_inline]] void give_back(Arena& arena, Unit& unit, std::uintptr_t address,
                                          Ways ways) {
        auto const size_class = unit.size_class;
        auto const size = class_sizes[size_class];
        if (size > inline_limit) [[unlikely]] {
            return ways.rest(unit, address);
        }
        make_zero_up_to(address, size, TagPlace(arena.tag_key(), address, size).word_of({}));
        auto const rested = quarantine_.exchange(size_class, address);
        if (rested == 0) {
            return ways.done();
        }
        auto* const block = reinterpret_cast<std::uintptr_t*>(rested);
        auto& slab = arena.unit_of(arena.metadata_of(rested));
        if (*block != 0 || !Arena::is_own_block(slab, rested)) [[unlikely]] {
            return ways.back(block);
        }
        if (LocalHeap<Config>::give_known(arena, slab, block)) [[unlikely]] {
            return ways.changed(slab);
        }
        ways.done();
    }
    // The word before a block is the tag of the one before it, in use or free. Where none fits before the
    // first one of a unit, what lies there is out of reach or ends with such a tag.
    [[gnu::always_inline]] static bool is_whole_before(Arena const& arena, std::uintptr_t address,
                                                       std::size_t size) {
        return address % unit_bytes < tag_bytes ||
               TagPlace(arena.tag_key(), address - size, size).read().is_tag();
    }

    // Of a block that is zero from `bytes` on.
    [[gnu::always_inline]] static void mark(Arena const& arena, std::uintptr_t address, Tag tag,
                                            std::size_t size) {
        TagPlace(arena.tag_key(), address, size).write(tag);
        Canary(arena.tag_key(), address, tag.bytes(), size).write();
    }

    // Whether a free block that was taken is as it was left: its first word has been cleared since.
    [[gnu::always_inline]] static bool is_clean(Arena const& arena, std::uintptr_t address,
                                                std::size_t size) {
        return is_zero_between(address, size, TagPlace(arena.tag_key(), address, size).word_of({}));
    }
    void* allocate_of_class(Arena& arena, std::size_t size_class, std::size_t bytes, Origin origin);
    void end_rest(Arena& arena);
    // A block in use; reported if it is none, or if its neighbourhood was written to.
    std::optional<Block> find(Arena& arena, void const* pointer);
    std::optional<Block> find_small(Arena& arena, Unit& slab, std::uintptr_t address);
    void check_freed(Arena& arena, Block const& block, Freed freed);
    void* allocate_large(Arena& arena, std::size_t alignment, std::size_t bytes, Origin origin);
    void* move_large(Arena& arena, Block const& block, std::size_t bytes);
    void* reallocate_small(Arena& arena, Unit& slab, std::uintptr_t address, std::size_t bytes);
    bool resize_in_place(Arena& arena, Block const& block, std::size_t bytes);
    void mark_large(Arena const& arena, Unit& unit, std::size_t bytes, Origin origin);
    // Where the canary of a large block ends: a word, but for the end of its last page.
    static std::size_t canary_end(std::size_t bytes) {
        return std::min(bytes + sizeof(std::uint64_t), whole_pages(bytes) * page_bytes);
    }
    bool has_large_canary(Arena const& arena, Block const& block) const;

    LocalHeap<Config> heap_;
    Quarantine quarantine_;
    std::uint32_t rested_until_ = 0;  // when the heap was trimmed last
};

}  // namespace slab

#include "heap/hardened_heap_blocks.hpp"  // IWYU pragma: export
#include "heap/hardened_heap_checks.hpp"  // IWYU pragma: export
