// One thread's part of a heap: for each class the free blocks at hand and the slabs it takes from.
// Blocks go and come without a lock; blocks of other threads' slabs go back in batches.
#pragma once

#include "heap/arena.hpp"
#include "heap/attributes.hpp"
#include "heap/coarse_hand.hpp"
#include "heap/freed.hpp"
#include "heap/remote_batches.hpp"
#include "heap/slab_count.hpp"
#include "heap/slab_pages.hpp"
#include "heap/unit_list.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

template <HeapConfig Config>
class LocalHeap {
  public:
    using Arena = slab::Arena<Config>;

    // With nothing at hand.
    SLAB_COLD constexpr LocalHeap() {
        for (auto& head : heads_) {
            head = nothing();
        }
        for (std::size_t i = 0; i < class_count; ++i) {
            serve(i, groups[i]);
        }
    }
    // One that threads can begin with and share: nothing is ever at hand in it, nor in one that would begin a word later,
    // whichever class is asked. All of it but two words is zero, so that it costs a program little memory.
    struct Shared {};
    constexpr explicit LocalHeap(Shared) { heads_[0] = heads_[1] = nothing(); }
    LocalHeap(LocalHeap const&) = delete;
    LocalHeap& operator=(LocalHeap const&) = delete;

    // `bytes` bytes aligned to 16 (to 8, if they are no more), or null. What is not at hand is
    // slow(bytes)'s affair: a function that needs no more than that leaves all registers to this one.
    // So are requests of `end` bytes or more.
    template <typename Slow>
    [[gnu::always_inline]] inline static void* allocate(LocalHeap& heap, Arena const& arena,
                                                        std::size_t bytes, Slow slow,
                                                        std::size_t end = fine_end);
    void* allocate(Arena& arena, std::size_t bytes) {
        return allocate(*this, arena, bytes,
                        [&](std::size_t more) { return allocate_slow(arena, more); });
    }

    // Gives a block back. Anything else than a block of this thread's slabs is slow(pointer)'s affair, and
    // so is a block of a slab of which !fits(slab); changed(slab) is called when there is something to do
    // about its slab.
    static constexpr auto any_fits = [](Unit const&) { return true; };
    template <typename Slow, typename Changed, typename Fits = decltype(any_fits)>
    [[gnu::always_inline]] static void free(Arena const& arena, void* pointer, Slow slow,
                                            Changed changed, Fits fits = any_fits) {
        free_below(arena.runs().metadata_end(), arena, pointer, slow, changed, fits);
    }
    // The same; blocks whose metadata is at `metadata_end` or beyond are slow's affair, too.
    template <typename Slow, typename Changed, typename Fits = decltype(any_fits)>
    [[gnu::always_inline]] inline static void free_below(std::uintptr_t metadata_end,
                                                         Arena const& arena, void* pointer,
                                                         Slow slow, Changed changed,
                                                         Fits fits = any_fits);
    // Gives a block of one of this thread's slabs back, of which nobody else knows. Whether there is something to do
    // about its slab.
    [[gnu::always_inline]] inline static bool give_known(Arena const& arena, Unit& slab,
                                                         void* pointer);
    // The slab of a small block in use, of which fits(slab); null for anything else.
    template <typename Fits = decltype(any_fits)>
    [[gnu::always_inline]] inline static Unit* slab_at(Arena const& arena, void const* pointer,
                                                       Fits fits = any_fits);
    // Gives such a block to its slab. Another thread's are gathered.
    inline void free_known(Arena& arena, Unit& slab, void* pointer);
    void free(Arena& arena, void* pointer) {
        free(
            arena, pointer, [&](void* other) { free_slow(arena, other); },
            [&](Unit& slab) { slab_changed(arena, slab); });
    }
    // The same of a block for which so many bytes were asked. What is not simple is slow(pointer)'s affair, and so are
    // blocks of `end` bytes or more.
    template <typename Slow>
    [[gnu::always_inline]] inline static void free_sized(LocalHeap& heap, Arena const& arena,
                                                         void* pointer, std::size_t bytes,
                                                         Slow slow, std::size_t end = fine_end);
    // Any block. A size that is not its group's is reported.
    [[gnu::noinline]] void free_sized_slow(Arena& arena, void* pointer, std::size_t bytes);

    // What is not at hand.
    [[gnu::noinline]] void* allocate_slow(Arena& arena, std::size_t bytes);
    // A block of another thread's slab, of none, or no block at all, which is reported. Blocks of other
    // threads' slabs are gathered, unless this heap is no thread's.
    enum class Gather : bool { no, yes };
    [[gnu::noinline]] void free_slow(Arena& arena, void* pointer, Freed freed = {},
                                     Gather gather = Gather::yes);
    // The same of a block of a mixed unit, as it seems.
    void free_mixed(Arena& arena, Unit& unit, std::uintptr_t address, Freed freed) {
        arena.free_mixed(unit, address, freed, heads_);
    }
    // A full slab that was let go got free blocks, or a slab lost its last one in use.
    [[gnu::noinline]] void slab_changed(Arena& arena, Unit& slab);

    // The class that serves requests of this one.
    std::size_t serving(std::size_t size_class) const {
        return is_coarse(size_class) ? serving_coarse(size_class)
                                     : serving_fine_[class_bytes(size_class)];
    }
    [[gnu::always_inline]] std::size_t serving_coarse(std::size_t size_class) const {
        return serving_coarse_.data()[size_class - fine_classes];
    }
    // The class that serves requests of so many bytes, at most fine_limit.
    [[gnu::always_inline]] std::size_t serving_fine(std::size_t bytes) const {
        if (__builtin_constant_p(bytes) && bytes <= ungrouped_limit) {
            return class_of(bytes);
        }
        return serving_fine_.data()[bytes];
    }
    // A block for a request of that class, from whichever serves it. For what is not at hand.
    void* take_served(Arena& arena, std::size_t size_class);
    // A block of a class, at most small_limit.
    void* take(Arena& arena, std::size_t size_class) {
        void* const block = take_at_hand(arena, size_class);
        return block != nullptr ? block : take_last(arena, size_class);
    }

    // The same, or null where there is more to be done.
    [[gnu::always_inline]] void* take_at_hand(Arena const& arena, std::size_t size_class) {
        return is_coarse(size_class) ? take_coarse(arena, size_class)
                                     : take_fine(arena, size_class);
    }
    // From the class's list, where it leads on.
    [[gnu::always_inline]] inline void* take_fine(Arena const& arena, std::size_t size_class);
    // Larger blocks have no list at hand. There are few in a slab, and a list would soon be at its end, or
    // hold what others could use. Those that full slabs got back come first; then those of the current slab itself, the
    // one that was freed last first.
    [[gnu::always_inline]] inline void* take_coarse(Arena const& arena, std::size_t size_class);
    // The first free block of a current slab.
    [[gnu::always_inline]] inline static void* pop(Arena const& arena, std::uint32_t index);

    // Where a list of small blocks is at its last one, or at none, and what comes next is simple. Null for everything
    // else, which is take_last's affair.
    [[gnu::always_inline]] inline void* take_ending(Arena& arena, std::size_t size_class);
    [[gnu::noinline]] void* take_last(Arena& arena, std::size_t size_class);

    // See heap.hpp.
    void* allocate_aligned(Arena& arena, std::size_t alignment, std::size_t bytes);
    void* allocate_zeroed(Arena& arena, std::size_t count, std::size_t bytes);
    void* reallocate(Arena& arena, void* pointer, std::size_t bytes);
    std::size_t usable_bytes(Arena& arena, void const* pointer);

    // Lets everything go: blocks on their way to others' slabs, empty slabs, and the rest for others
    // to adopt. For the end of a thread.
    SLAB_COLD void abandon(Arena& arena);
    // How many blocks of a class are at hand, which their slab counts as in use.
    std::uint32_t at_hand(Arena const& arena, std::size_t size_class) const;
    // How many slabs the class has.
    std::uint32_t slabs(std::size_t size_class) const { return slabs_[size_class].value(); }
    // Follows every list of free blocks of this thread's slabs, and calls visit(slab, block) for each block
    // in them; a link that does not lead on is reported.
    template <typename Visit>
    SLAB_COLD void for_each_free(Arena& arena, Visit visit) const;
    // For who must see each block of a class: the slab it takes from is one of several, and nothing is at hand.
    void set_aside(Arena& arena, std::size_t size_class);
    // What is done now and then, if the clock has gone on.
    SLAB_COLD void tidy_up(Arena& arena);
    // Gives all slabs back that are empty. It happens every second, too, if there is a clock.
    SLAB_COLD void trim(Arena& arena);
    std::uint32_t trimmed_at() const { return trimmed_at_; }

  private:
    // So that what is in use does not look free.
    [[gnu::always_inline]] static void mark_used(std::uintptr_t* block) {
        if constexpr (has_checks) {
            *block = 0;
        }
    }
    // What a class without free blocks looks at: it never leads on.
    static inline std::uintptr_t no_blocks = has_checks ? 0 : UINTPTR_MAX;
    static constexpr std::uintptr_t* nothing() { return &no_blocks; }

    static std::uintptr_t address_of(void const* pointer) {
        return reinterpret_cast<std::uintptr_t>(pointer);
    }
    static std::uintptr_t* word_at(std::uintptr_t address) {
        return reinterpret_cast<std::uintptr_t*>(address);
    }

    // A look at the clock for every 1,536 blocks, taken or given to others, at least, 64 lists, or 4 MiB that go back.
    static constexpr std::int32_t blocks_a_look = 1536;
    void count_taken(std::uint32_t blocks) {
        until_look_ -= std::max(static_cast<std::int32_t>(blocks), blocks_a_look / 64);
    }
    void count_given(std::uint32_t units) {
        if (until_look_ >= 0) {
            until_look_ -= static_cast<std::int32_t>(units) * (blocks_a_look / 64);
        }
    }
    // Another thread's block.
    void free_remote(Arena& arena, Unit& slab, std::uintptr_t address) {
        until_look_ -= until_look_ >= 0 ? 1 : 0;
        remote_.add(arena, slab, address);
    }
    // One of the larger ones counts for so many. Unsigned, so that what is left is compared in memory.
    std::int32_t count_coarse() {
        constexpr std::uint32_t weight = 8;
        return until_look_ =
                   static_cast<std::int32_t>(static_cast<std::uint32_t>(until_look_) - weight);
    }
    // Of a current slab.
    static std::uint32_t free_blocks(Unit const& slab) {
        return slab.carved - (slab.until_change & ~Unit::is_current);
    }
    // A hardened heap's blocks are watched from their neighbours'.
    static constexpr bool gives_pages_back = Arena::mixes;
    static SlabPages pages_of(Arena const& arena, Unit const& slab);
    static std::uint32_t absent_blocks(Arena const& arena, Unit const& slab);
    void release_pages_if_grown(Arena& arena);
    SLAB_COLD std::uint64_t sparse_pages(Arena const& arena) const;
    SLAB_COLD void release_pages(Arena& arena);
    SLAB_COLD void release_pages_of(Arena& arena, Unit& slab);
    SLAB_COLD void mix_slabs(Arena& arena);
    SLAB_COLD void mix(Arena& arena, UnitList& list, Unit& slab);
    bool take_mixed(Arena& arena, Unit const& slab);
    [[gnu::noinline]] bool put_mixed(Arena& arena, std::uintptr_t block);
    bool needs_new_page(Arena const& arena, Unit const& slab) const;
    void count_new_pages(std::uint32_t pages);
    static BlockBits blocks_that_look_free(Arena const& arena, Unit const& slab);
    bool restore_page(Arena& arena, Unit& slab);

    static void check_freed(Arena& arena, Unit const& unit, std::uintptr_t address, Freed freed);
    bool refill(Arena& arena, std::size_t size_class);
    bool refill_at_hand(Arena& arena, std::size_t size_class);
    bool exchange_current(Arena& arena, Unit& slab);
    bool has_few(Arena const& arena, Unit const& slab, std::size_t size_class) const;
    static constexpr std::uint32_t few_blocks = 8;
    // Whether a class of small blocks may take its next list from its current slab, and no other one need be asked.
    [[gnu::always_inline]] bool has_list_at_hand(Unit const& slab, std::size_t size_class) const {
        auto const free = free_blocks(slab);
        return slab.absent_pages() == 0 && free >= few_blocks &&
               (!has_many_slabs(size_class) ||
                free >= frees_until_useful(size_class, Patience::much));
    }
    // What a current slab of a class of small blocks has becomes the class's list, of which all `present` blocks count as
    // in use.
    [[gnu::always_inline]] void take_list(Unit& slab, std::size_t size_class,
                                          std::uintptr_t end_mark, std::uint32_t present) {
        count_taken(free_blocks(slab));
        heads_.data()[size_class] = word_at(slab.free);
        slab.free = end_mark;
        slab.until_change = present | Unit::is_current;
    }
    bool comes_after_others(Arena const& arena, Unit const& slab) const;
    bool has_better(Arena& arena, Unit& slab);
    static bool has_enough(Arena const& arena, Unit const& slab);
    constexpr void serve(std::size_t size_class, std::size_t by);
    [[gnu::always_inline]] inline bool use_free(Arena& arena, Unit& slab);
    bool use_remote(Arena& arena, Unit& slab);
    void give_list(Unit& slab, std::uintptr_t first, std::uint32_t blocks);
    void* take_last_coarse(Arena& arena, std::size_t size_class);
    static constexpr std::uint64_t wanted_bit(std::size_t size_class);
    SLAB_COLD static void forget_if_corrupted(Arena& arena, Unit& slab);
    bool carve(Arena& arena, Unit& slab);
    static std::size_t pages_up_to_next(Arena const& arena, Unit const& slab);
    // Null before it was first needed. It has a unit of its own, so that who has no use for it pays nothing.
    [[gnu::always_inline]] CoarseHand* hand_of(Arena const& arena) const {
        return Arena::mixes && hand_ != 0
                   ? reinterpret_cast<CoarseHand*>(arena.runs().address_of(hand_))
                   : nullptr;
    }
    [[gnu::noinline]] CoarseHand* make_hand(Arena& arena);
    [[gnu::always_inline]] inline bool put_at_hand(Arena& arena, Unit& slab);
    // Into another list, or back to the arena.
    [[gnu::noinline]] void move(Arena& arena, Unit& slab);
    void take_from_hand(Arena& arena, Unit& slab);
    [[gnu::noinline]] void let_go(Arena& arena, Unit& slab);
    void take_back(Arena& arena, Unit& slab);
    std::uint32_t slab_from_others(Arena& arena, std::size_t size_class);
    // Whether a class has so many slabs, full or not, that one more or less makes little difference.
    bool has_many_slabs(std::size_t size_class) const {
        constexpr std::uint32_t many = 8;
        return slabs_.data()[size_class].value() > many;
    }
    std::uint32_t find_freed_by_others(Arena& arena, std::size_t size_class,
                                       unsigned most_looks = 8);
    std::uint32_t adopt(Arena& arena, std::size_t size_class);
    struct Block {
        Unit* unit;
        std::size_t bytes;
    };
    static Block block_at(Arena& arena, void const* pointer);
    void make_current(Arena& arena, std::uint32_t index);
    SLAB_COLD bool use_any_free(Arena& arena, std::size_t size_class);
    std::uint32_t put_down(Arena& arena, std::size_t size_class);
    void give_empty_back(Arena& arena);
    SLAB_COLD void collect_first_full(Arena& arena, std::size_t size_class);
    SLAB_COLD void collect_full(Arena& arena, std::size_t size_class);
    SLAB_COLD void collect_taken_back(Arena& arena, std::uint32_t index);
    [[gnu::noinline]] void put(Arena& arena, std::uint32_t index);
    void forget(std::size_t size_class);
    SLAB_COLD void leave(Arena& arena, std::uint32_t index);

    // The first block of each small class's list, which is of the current slab or of a mixed unit.
    Lists heads_{};
    std::array<std::uint32_t, class_count> current_{};
    std::array<UnitList, class_count> partial_{};  // other slabs with a free block
    std::array<UnitList, class_count> full_{};     // slabs without
    std::array<SlabCount, class_count> slabs_{};   // how many of all three
    // Which class serves requests of so many bytes, or of a class.
    std::array<std::uint8_t, fine_end> serving_fine_{};
    std::array<std::uint8_t, class_count - fine_classes> serving_coarse_{};
    std::array<std::uint8_t, class_count> demand_{};  // see take_served()
    std::uint16_t carved_ =
        0;  // parts of slabs that were handed out for the first time, modulo 2^16
    // How often an empty slab of larger blocks was kept since they were all given back.
    static constexpr std::uint16_t most_kept = 16;
    std::uint16_t kept_ = 0;
    RemoteBatches<Config> remote_;
    std::int32_t until_look_ =
        blocks_a_look;             // blocks, into lists, until the next look at the clock
    std::uint32_t tidied_at_ = 0;  // in ticks
    std::uint32_t trimmed_at_ = 0;
    // Pages of the arena when free ones were last given back, and when it was last asked whether to.
    std::uint32_t held_when_released_ = 0;
    std::uint32_t held_when_asked_ = 0;
    std::uint32_t from_mixed_ = 0;  // bytes; see take_mixed()
    std::uint32_t hand_ = 0;        // a unit; see hand_of()
    std::uint64_t wanted_ =
        0;  // classes that were refilled since slabs were mixed; see wanted_bit()
};

}  // namespace slab

#include "heap/local_heap_blocks.hpp"  // IWYU pragma: export
#include "heap/local_heap_fast.hpp"    // IWYU pragma: export
#include "heap/local_heap_free.hpp"    // IWYU pragma: export
#include "heap/local_heap_hand.hpp"    // IWYU pragma: export
#include "heap/local_heap_mixed.hpp"   // IWYU pragma: export
#include "heap/local_heap_pages.hpp"   // IWYU pragma: export
#include "heap/local_heap_refill.hpp"  // IWYU pragma: export
#include "heap/local_heap_sized.hpp"   // IWYU pragma: export
#include "heap/local_heap_slabs.hpp"   // IWYU pragma: export
#include "heap/local_heap_upkeep.hpp"  // IWYU pragma: export
