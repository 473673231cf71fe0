// The slab heap. A block is in use or free by one bit in its slab's metadata, so that a double or
// invalid free is always found, and nothing of the heap's lies in memory that programs write.
#pragma once

#include "heap/page_source.hpp"
#include "heap/runs.hpp"
#include "heap/size_class.hpp"
#include "heap/statistics.hpp"
#include "heap/unit.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace slab {

inline constexpr std::size_t max_alignment = std::size_t{2} << 20;
inline constexpr std::size_t max_request = PTRDIFF_MAX;

template <PageSource Source, typename Lock = NoLock>
class Heap {
  public:
    // Constant-initialised: works before any constructor has run.
    constexpr explicit Heap(Source source = {}) : runs_(source) {}
    Heap(Heap const&) = delete;
    Heap& operator=(Heap const&) = delete;

    // `bytes` bytes aligned to 16, or null. Zero bytes give a block of its own.
    [[gnu::always_inline]] void* allocate(std::size_t bytes) {
        Guard const guard(lock_);
        if (bytes > fine_limit) [[unlikely]] {
            return allocate_coarse(bytes, *this);
        }
        return take_block(classes_.data()[(bytes + quantum - 1) / quantum], bytes);
    }

    // As allocate, at a multiple of `alignment`: a power of two up to 2 MiB, else null.
    void* allocate_aligned(std::size_t alignment, std::size_t bytes);

    // As allocate, every byte zero. Null too if count * bytes overflows.
    void* allocate_zeroed(std::size_t count, std::size_t bytes);

    // Gives a block back. Anything else than a block in use is reported and ends the program.
    [[gnu::always_inline]] void free(void* pointer) {
        Guard const guard(lock_);
        if (!runs_.owns(pointer)) [[unlikely]] {
            return free_foreign(pointer, *this);
        }
        Unit* const unit = runs_.owned_unit_at(pointer).head;
        auto const offset =
            static_cast<std::size_t>(static_cast<std::byte*>(pointer) - unit->memory);
        auto const block = offset * unit->block_reciprocal >> 32;
        auto& word = unit->free_bits[block / 64];
        auto const with_block = word | std::uint64_t{1} << (block % 64);
        // What is no slab has no committed blocks.
        if (block * unit->block_bytes != offset || block >= unit->committed_blocks ||
            with_block == word) [[unlikely]] {
            return free_other(pointer, *this, *unit);
        }
        word = with_block;
        if (--unit->until_change == 0) [[unlikely]] {
            slab_changed(*unit);
        }
    }

    // Changes a block's size; its contents move with it. On null the old block stays as it is.
    void* reallocate(void* pointer, std::size_t bytes);

    // What the block can hold; at least what was asked.
    std::size_t usable_bytes(void const* pointer);

    // Whether the pointer lies in this heap's memory.
    bool owns(void const* pointer) const { return runs_.unit_at(pointer) != nullptr; }

    Statistics statistics();

    // Gives everything back at once; every block is gone.
    void release() {
        Guard const guard(lock_);
        runs_.release();
        classes_ = make_classes();
        asked_bytes_ = 0;
    }

  private:
    using Guard = std::lock_guard<Lock>;

    // Where a class takes its next block: one word of its current slab's free bits.
    struct alignas(64) Class {
        std::uint64_t* word = nullptr;
        std::byte* word_memory = nullptr;  // the block of the word's bit 0
        std::uint64_t block_bytes = 0;
        Unit* slab = nullptr;
        UnitList partial;  // other slabs with a free block
    };

    static constexpr std::array<Class, class_count> make_classes() {
        std::array<Class, class_count> classes{};
        for (std::size_t i = 0; i < class_count; ++i) {
            classes[i].word = &no_free_blocks;
            classes[i].block_bytes = class_bytes(i);
        }
        return classes;
    }

    [[gnu::always_inline]] void* take_block(Class& c, std::size_t bytes) {
        auto const word = *c.word;
        if (word == 0) [[unlikely]] {
            return refill_and_take(bytes, *this, c);
        }
        auto const block = static_cast<std::size_t>(std::countr_zero(word));
        *c.word = word & (word - 1);
        ++c.slab->until_change;
        asked_bytes_ += bytes;
        return c.word_memory + block * c.block_bytes;
    }
    // What allocate and free go on to has their argument first: it stays where it is.
    [[gnu::noinline]] static void* refill_and_take(std::size_t bytes, Heap& heap, Class& c) {
        return heap.refill(c) ? heap.take_block(c, bytes) : nullptr;
    }
    [[gnu::noinline]] static void* allocate_coarse(std::size_t bytes, Heap& heap);
    [[gnu::noinline]] static void free_other(void* pointer, Heap& heap, Unit& unit);
    [[gnu::noinline]] static void free_foreign(void* pointer, Heap& heap);

    bool refill(Class& c);
    bool use_word_of(Class& c, Unit& slab);
    bool commit_more(Unit& slab);
    Unit* new_slab(std::size_t index);
    void make_current(Class& c, Unit& slab);
    void* allocate_large(std::size_t bytes, std::size_t alignment);
    [[gnu::noinline]] void slab_changed(Unit& slab);
    void free_large(Unit& unit, void* pointer);
    void fail(char const* what, void const* pointer) { runs_.source().fail(what, pointer); }
    Unit* block_of(void const* pointer);
    bool resize_large(Unit& unit, std::size_t bytes);

    static constexpr std::size_t large_units(std::size_t bytes) {
        return (bytes + unit_bytes - 1) >> unit_shift;
    }
    static constexpr std::size_t whole_pages(std::size_t bytes) {
        return (bytes + page_bytes - 1) & ~(page_bytes - 1);
    }

    static inline std::uint64_t no_free_blocks = 0;  // what a class without a slab looks at

    Runs<Source> runs_;
    std::array<Class, class_count> classes_ = make_classes();
    std::uint64_t asked_bytes_ = 0;
    [[no_unique_address]] Lock lock_;
};

}  // namespace slab

#include "heap/heap_slow.hpp"  // IWYU pragma: export
