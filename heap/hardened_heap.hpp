// One thread's part of a hardened heap. It stands before a LocalHeap and gives each block a tag, a canary
// behind what was asked for, and, when freed, zeros and a time of rest of random length. docs/heap.md
// says what is found when.
#pragma once

#include "heap/freed.hpp"
#include "heap/local_heap.hpp"
#include "heap/quarantine.hpp"
#include "heap/tag.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace slab {

inline constexpr char const* written_behind = "memory behind a block was written to";
inline constexpr char const* written_before = "memory before a block was written to";
inline constexpr char const* written_after_free = "a block was written to after it was freed";
inline constexpr char const* wrong_origin =
    "malloc, new and new[] each want their own way of freeing";

template <HeapConfig Config>
    requires is_hardened<Config>
class HardenedHeap {
  public:
    using Arena = slab::Arena<Config>;

    constexpr explicit HardenedHeap(std::uint64_t seed) : quarantine_(seed) {}
    HardenedHeap(HardenedHeap const&) = delete;
    HardenedHeap& operator=(HardenedHeap const&) = delete;

    // `bytes` zero bytes at a multiple of `alignment`, or null.
    void* allocate(Arena& arena, std::size_t alignment, std::size_t bytes, Origin origin);
    // Gives a block back. Whatever is wrong with it is reported.
    void free(Arena& arena, void* pointer, Freed freed);
    // malloc's kind of block with another size; on null the old one stays as it is.
    void* reallocate(Arena& arena, void* pointer, std::size_t bytes);
    // What was asked for; 0, and a report, if the pointer is no block.
    std::size_t usable_bytes(Arena& arena, void const* pointer);

    // Looks at the blocks that rest whether somebody wrote to them.
    void check(Arena& arena);
    // For the end of a thread.
    void abandon(Arena& arena);
    void trim(Arena& arena);

  private:
    struct Block {
        Unit* unit;
        std::uintptr_t address;
        Tag tag;
    };
    static constexpr std::size_t most_canary_bytes = 64;

    // A block in use; reported if it is none, or if its neighbourhood was written to.
    std::optional<Block> find(Arena& arena, void const* pointer);
    std::optional<Block> find_small(Arena& arena, Unit& slab, std::uintptr_t address);
    bool is_whole_before(Arena const& arena, Unit const& slab, std::uintptr_t address) const;
    bool is_as_freed(Arena& arena, Block const& block, Freed freed);
    void* allocate_small(Arena& arena, std::size_t size_class, Tag tag);
    void* allocate_large(Arena& arena, std::size_t alignment, Tag tag);
    void free_small(Arena& arena, Block const& block);
    bool resize_in_place(Arena& arena, Block& block, std::size_t bytes);
    void put_back(Arena& arena, std::uintptr_t address);
    void mark(Arena const& arena, Block const& block) const;
    bool has_canary(Arena const& arena, Block const& block) const;

    // The bytes behind what was asked for that are watched: [first, last) from the block's start.
    struct Span {
        std::size_t first;
        std::size_t last;
    };
    static Span canary_of(Block const& block);
    static unsigned char canary_byte(Arena const& arena) {
        return static_cast<unsigned char>(arena.key().secret() >> 40 | 1);  // never what ends a string
    }
    static TagOf tag_of(Arena const& arena, Unit const& slab, std::uintptr_t address) {
        return {arena.key(), address, class_bytes(slab.size_class)};
    }

    LocalHeap<Config> heap_;
    Quarantine quarantine_;
};

}  // namespace slab

#include "heap/hardened_heap_checks.hpp"  // IWYU pragma: export
#include "heap/hardened_heap_blocks.hpp"  // IWYU pragma: export
