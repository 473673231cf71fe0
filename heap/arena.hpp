// What all threads share: the window, the secret of the links, large blocks, and slabs whose threads
// have ended.
#pragma once

#include "heap/attributes.hpp"
#include "heap/freed.hpp"
#include "heap/granules.hpp"
#include "heap/heap_config.hpp"
#include "heap/idle_pages.hpp"
#include "heap/link.hpp"
#include "heap/mistakes.hpp"
#include "heap/mixed_units.hpp"
#include "heap/retired.hpp"
#include "heap/runs.hpp"
#include "heap/sample.hpp"
#include "heap/slab_pages.hpp"
#include "heap/tag.hpp"
#include "heap/unit.hpp"
#include "heap/unit_list.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <type_traits>

namespace slab {

inline constexpr std::size_t max_request = PTRDIFF_MAX;

constexpr std::size_t whole_pages(std::size_t bytes) {
    return (bytes + page_bytes - 1) / page_bytes;
}

// The first block that a thread has at hand of each class of small blocks.
using Lists = std::array<std::uintptr_t*, fine_classes>;

// Blocks of a slab, linked.
struct Chain {
    std::uintptr_t first;
    std::uintptr_t last;
    std::uint32_t count;
};

// Blocks of a mixed unit.
struct MixedList {
    std::uintptr_t first;
    std::uint32_t count;
};

template <HeapConfig Config>
class alignas(64) Arena {
  public:
    using Source = Config::Source;

    // Constant-initialised: works before any constructor has run.
    constexpr explicit Arena(Source source = {}) : runs_(source) {}
    Arena(Arena const&) = delete;
    Arena& operator=(Arena const&) = delete;

    LinkKey const& key() const { return key_; }
    // Of a hardened heap.
    TagKey const& tag_key() const { return tag_key_; }
    Runs<Source>& runs() { return runs_; }
    Runs<Source> const& runs() const { return runs_; }
    Config::Lock& lock() { return lock_; }

    // Where a pointer's unit has its metadata; not within what is_own for a pointer that is not this heap's.
    // A number, which may be no address at all.
    [[gnu::always_inline]] std::uintptr_t metadata_of(std::uintptr_t address) const {
        constexpr auto shift = unit_shift - std::countr_zero(sizeof(Unit));
        return ((address - runs_.base()) >> shift & ~(sizeof(Unit) - 1)) +
               reinterpret_cast<std::uintptr_t>(runs_.units());
    }
    [[gnu::always_inline]] bool is_own(std::uintptr_t metadata) const {
        return metadata < runs_.metadata_end();
    }
    [[gnu::always_inline]] static Unit& unit_of(std::uintptr_t metadata) {
        return *reinterpret_cast<Unit*>(metadata);
    }
    // Metadata of the unit that a pointer of this heap's lies in; null for any other pointer.
    Unit* unit_at(std::uintptr_t address) const {
        auto const metadata = metadata_of(address);
        return is_own(metadata) ? &unit_of(metadata) : nullptr;
    }
    // The same, or the first unit of the slab or large block that the pointer lies in.
    Unit* head_at(std::uintptr_t address) const {
        auto* const unit = unit_at(address);
        return unit != nullptr ? &head_of(*unit) : nullptr;
    }
    // Of any unit: the first one of what it belongs to.
    Unit& head_of(Unit& unit) const {
        if (unit.kind == UnitKind::inner) [[unlikely]] {
            return runs_.unit(unit.head);
        }
        return unit;
    }
    std::uintptr_t memory_of(Unit const& unit) const {
        return runs_.address_of(runs_.index_of(unit));
    }

    // Where a slab's blocks begin: what is over lies before them, so that the distance to the slab's
    // end is a multiple of the block size nowhere else.
    std::uintptr_t first_block(Unit const& slab) const {
        auto const size = class_bytes(slab.size_class);
        return memory_of(slab) + slab_bytes(slab.size_class) - slab.capacity() * size;
    }
    // Whether a block of the slab, in which the address lies, may begin there: whether the distance to the slab's end is
    // a multiple of the block size.
    [[gnu::always_inline]] static bool is_block(Unit const& slab, std::uintptr_t address) {
        auto const distance = (~address & (slab_bytes(slab.size_class) - 1)) + 1;
        return distance * slab.reciprocal < most_of_multiple;
    }
    // The same, and that the slab is the caller's. Of any unit; without checks, only that it is a slab of the caller's.
    [[gnu::always_inline]] static bool is_own_block(Unit const& unit, std::uintptr_t address) {
        return unit.claim.is_for(address, unit.reciprocal, Config::plus_self);
    }
    // Of a slab.
    bool is_own_slab(Unit const& slab) const { return is_own_block(slab, first_block(slab)); }
    void give_to(Unit& slab, Owner owner) {
        slab.claim.set({owner, memory_of(slab) + slab_bytes(slab.size_class), slab.reciprocal});
    }
    std::uintptr_t end_mark(Unit const& slab) const { return LinkKey::end_mark(memory_of(slab)); }
    // Whether a slab's first free block is none but its end mark. Units begin at a multiple of twice the reach.
    [[gnu::always_inline]] static bool is_end(std::uint32_t slab, std::uintptr_t free) {
        return ((free >> unit_shift ^ slab) & LinkKey::reach >> unit_shift) != 0;
    }

    // Whether a block of the slab cannot be in use. Never, without checks.
    [[gnu::always_inline]] bool looks_free(Unit const& slab, std::uintptr_t block) const {
        return has_checks && (have_gone(slab.remote.load(std::memory_order_relaxed)) ||
                              LinkKey::is_free(key_.step(block)));
    }
    // What a free block of the slab leads to: another block or the end mark; 0, if its link was written over.
    std::uintptr_t next_of(Unit const& slab, std::uintptr_t block) const {
        auto const step = key_.step(block);
        auto const next = block ^ step;
        bool const is_whole =
            LinkKey::leads_on(step) ? is_block(slab, next) : next == end_mark(slab);
        return is_whole ? next : 0;
    }

    // A new slab of a class for `owner`; 0 if there is no memory.
    std::uint32_t make_slab(std::size_t size_class, Owner owner);
    // Makes at least the first pages of a slab usable; as many more as it has, since a source is asked
    // for few large parts rather than many small ones.
    bool commit_slab(Unit& slab, std::size_t pages);
    // The same for all of them, which will soon be touched.
    [[gnu::noinline]] void commit_whole_slab(Unit& slab) {
        (void)runs_.commit(runs_.index_of(slab), slab_bytes(slab.size_class) / page_bytes,
                           Committed::dirty, (first_block(slab) - memory_of(slab)) / page_bytes);
    }
    // Gives blocks to a slab, whose owner will find them.
    void give_remote(Unit& slab, Chain chain);
    // Whether they were all of a slab's, and their pages were taken away. Not in a hardened heap, where pages hold what is
    // looked at from others.
    static constexpr bool have_gone(FreedByOthers freed) {
        return !is_hardened<Config> && freed.are_gone();
    }
    // Takes what others freed into a slab that is neither current nor in a list. By its owner, or under
    // the lock.
    [[gnu::noinline]] void collect(Unit& slab);
    // The same in two steps. Waits where somebody is about to take a slab's pages.
    [[gnu::noinline]] FreedByOthers take_freed(Unit& slab);
    void receive(Unit& slab, FreedByOthers freed);
    // Before a slab's owner does more with it than to free a block of it, or to keep it in lists: nobody takes its pages from
    // now on, until end_use() or it is full. It is empty, if they have gone.
    void begin_use(Unit& slab) {
        slab.until_change |= Unit::is_current;
        if constexpr (is_hardened<Config>) {
            return;
        }
        std::atomic_signal_fence(std::memory_order_seq_cst);  // see CanSynchronize
        auto const freed = slab.remote.load(std::memory_order_relaxed);
        if (have_gone(freed) || freed.are_held()) [[unlikely]] {
            collect(slab);
        }
    }
    // Whether that ever happened.
    bool gave_remote() const { return gave_remote_.load(std::memory_order_relaxed); }

    // In the child of a fork, which has only the calling thread: the slabs of the others are nobody's who
    // could ever come, not even a new thread's with an old one's name. What is freed of them stays.
    void orphan_others();

    // Memory for what the heap itself needs, in units of its own, zeroed; null if there is none.
    void* allocate_own(std::size_t bytes);
    // Gives a slab or a large block back.
    [[gnu::noinline]] void put(std::uint32_t index) {
        std::lock_guard const guard(lock_);
        put_locked(index);
    }

    // A slab whose thread has ended waits for another one that needs its class, or goes back if it is empty: but for one
    // that has touched a page only, since one in its place would soon begin among pages that others can use better.
    SLAB_COLD void abandon(std::uint32_t index);
    // Whether there is one of any class. Without the lock: one that has just come may not be seen yet.
    bool has_abandoned() const { return abandoned_count_.load(std::memory_order_relaxed) != 0; }
    // The abandoned slab of a class that has waited longest, for its new owner; 0 if there is none. Where threads follow each
    // other in several rows, that is rather the same row's than the last one's.
    std::uint32_t adopt(std::size_t size_class, Owner owner);

    // Mixed units: arena_mixed.hpp. A hardened heap has none, whose memory is of one class for ever, nor has one
    // whose slabs keep their pages.
    static constexpr bool mixes = StaysUsable<Source> && !is_hardened<Config>;
    // Makes one of a slab of its caller's that is in no list, of small blocks of more than tiny_limit. False: there is no
    // memory for that, and nothing has changed.
    SLAB_COLD bool mix(Unit& slab, BlockBits const& is_free);
    // Whether a block may be had of one. Without the lock: one that has just come may not be seen yet.
    bool has_mixed() const {
        if constexpr (mixes) {
            return mixed_.has_room();
        }
        return false;
    }
    // Blocks of so many bytes, at most `most`, linked as a list whose end mark is that of their unit; none,
    // if there is no room.
    MixedList take_mixed(std::size_t bytes, std::uint32_t most);
    // Whether a list ends with a block of a mixed unit, of which its link says what is next.
    bool is_end_of_mixed(std::uintptr_t block, std::uintptr_t next) const {
        if constexpr (mixes) {
            auto const* const unit = unit_at(block);
            return unit != nullptr && unit->kind == UnitKind::mixed && next == end_mark(*unit);
        }
        return false;
    }
    // Frees what lies in one, or says what is wrong with that. `lists` are those of the calling thread's
    // heap; of one that is no thread's they are empty. A block that no list can hold is not looked at: it may be in no cache.
    void free_mixed(Unit& unit, std::uintptr_t address, Freed freed, Lists const& lists);
    // The bytes of the block in use that begins at an address in one; 0, if none does.
    std::size_t mixed_bytes(Unit const& unit, std::uintptr_t address);
    void release_pages_of_mixed() {
        std::lock_guard const guard(lock_);
        mixed_.release_free_pages(runs_);
    }

    // Large blocks: arena_large.hpp.
    //
    // A block of its own, at a multiple of `alignment`; null if there is no memory. Says whether all
    // of it is zero.
    void* allocate_large(std::size_t bytes, std::size_t alignment, bool& zeroed);
    // Changes a large block's size in place, if what is behind it allows.
    bool resize_large(std::uint32_t index, std::size_t bytes);
    // The same in a hardened heap, whose blocks have units out of reach behind them.
    bool resize_large_within(std::uint32_t index, std::size_t bytes);
    // A large block somewhere else, longer, with the same pages; null if that cannot be had.
    void* move_large(std::uint32_t index, std::size_t bytes);
    std::uint32_t& large_pages(std::uint32_t index) { return runs_.unit(index).carved; }
    // Of a hardened heap: a large block, already taken off the program's hands, becomes zeros and rests.
    void retire_large(std::uint32_t index) {
        runs_.clear(index, large_pages(index));
        put(index);
    }
    // Of a hardened heap: looks at large blocks that rest whether somebody wrote to them.
    SLAB_COLD void check_resting();
    // What a large block can hold.
    std::size_t large_bytes(Unit const& unit) const {
        return unit.is_sample ? sample_of(memory_of(unit), unit.carved).bytes
                              : std::size_t{unit.carved} * page_bytes;
    }

    // Says what is wrong with a pointer.
    void fail(char const* what, void const* pointer);

    // In ticks; 0 without a clock.
    std::uint32_t now() { return runs_.now(); }
    // Takes pages away that have been free for a while. Called now and then.
    void purge();
    // Whether the source said so when it was last asked.
    bool is_short() const { return is_short_.load(std::memory_order_relaxed); }
    // The same, for all that is free now.
    void trim() {
        std::lock_guard const guard(lock_);
        purge_locked(0);
    }

    void release() {
        runs_.release();
        auto const source = runs_.source();
        std::destroy_at(this);
        std::construct_at(this, source);
    }

  private:
    void ask_for_pressure(std::uint32_t time);

    static constexpr std::size_t most_units = std::size_t{1} << 31;
    static constexpr std::uint32_t ticks_until_purged = 4;
    static constexpr std::size_t units_of(std::size_t pages) {
        return (pages + pages_a_unit - 1) / pages_a_unit;
    }

    // In a hardened heap a unit out of reach follows whatever is taken, and room to grow if that is wanted.
    static constexpr std::uint32_t guard_units = is_hardened<Config> ? 1 : 0;
    std::uint32_t take(std::uint32_t units, std::uint32_t align_units, UnitKind kind,
                       std::uint32_t room = 0) {
        std::lock_guard const guard(lock_);
        return take_locked(units, align_units, kind, room);
    }
    std::uint32_t take_locked(std::uint32_t units, std::uint32_t align_units, UnitKind kind,
                              std::uint32_t room = 0);
    void make_up_for(std::uint32_t index, std::size_t pages);
    // The others of a hardened heap.
    void take_idle_pages(UnitRange range);
    // 0: nobody wrote.
    void report_written(std::uintptr_t address);
    std::uint32_t take_row(std::size_t size_class);
    bool move_hardened(std::uint32_t index, std::uint32_t there, std::size_t old_pages,
                       std::size_t pages);
    std::uint64_t random() {
        if constexpr (HasEntropy<Source>) {
            return runs_.source().entropy();
        } else {
            return 0x9e37'79b9'7f4a'7c15;  // the golden ratio, for want of better
        }
    }
    std::uint32_t take_slab(std::uint32_t units, std::size_t size_class);
    [[gnu::noinline]] void put_locked(std::uint32_t index);
    void purge_locked(std::uint32_t age_ticks);
    SLAB_COLD void sweep_abandoned();
    SLAB_COLD void take_pages_of_emptied(std::uint32_t age_ticks);
    SLAB_COLD bool hold_emptied(std::uint32_t age_ticks);
    static std::uint32_t pages_absent_from(Unit const& slab);
    SLAB_COLD static bool are_last(Unit const& slab, FreedByOthers freed);
    SLAB_COLD bool is_still_emptied(Unit& slab, bool owner_sees_it);
    SLAB_COLD void give_up_emptied(Unit& slab);
    bool synchronize() {
        if constexpr (CanSynchronize<Source>) {
            return runs_.source().synchronize();
        }
        return false;
    }
    SLAB_COLD void begin_anew(Unit& slab);
    SLAB_COLD Granules* make_granules();
    bool may_be_at_hand(Unit const& unit, std::size_t bytes, Lists const& lists) const;
    void remove_mixed(Unit& unit, std::uint32_t first, std::uint32_t count);
    SLAB_COLD void collect_mixed(Unit& unit);
    // Marks a run as one slab or large block. Under the lock: whoever puts a neighbour back looks at it.
    void set_up(std::uint32_t index, std::uint32_t units, UnitKind kind);
    // Of a move that failed.
    void give_up_move(std::uint32_t index, std::uint32_t there, std::size_t pages);
    void shrink(std::uint32_t index, std::uint32_t units);

    template <typename>
    struct Nothing {};
    template <typename T>
    using OfHardened = std::conditional_t<is_hardened<Config>, T, Nothing<T>>;

    // What every call reads comes first, with the window's places: in a cache line that is hardly ever written to.
    LinkKey key_;
    [[no_unique_address]] OfHardened<TagKey> tag_key_;
    Runs<Source> runs_;
    bool has_key_ = false;
    std::atomic<bool> gave_remote_ = false;
    std::uint32_t emptied_at_ = 0;  // when somebody last looked for emptied slabs
    std::atomic<std::uint32_t> asked_at_ = 0;
    std::atomic<bool> is_short_ = false;
    std::array<UnitList, class_count> abandoned_{};
    std::atomic<std::uint32_t> abandoned_count_ = 0;  // in all of them
    using MixedUnits = slab::MixedUnits<Source>;
    MixedUnits mixed_;
    // For them: those that were used before, and where the next one is made.
    Granules* free_granules_ = nullptr;
    std::uint32_t granules_unit_ = 0;
    std::uint32_t granules_made_ = 0;
    [[no_unique_address]] OfHardened<Retired<Source>> retired_;
    [[no_unique_address]] OfHardened<Resting<Source>> resting_;
    [[no_unique_address]] Config::Lock lock_;
};

}  // namespace slab

#include "heap/arena_emptied.hpp"  // IWYU pragma: export
#include "heap/arena_large.hpp"    // IWYU pragma: export
#include "heap/arena_mixed.hpp"    // IWYU pragma: export
#include "heap/arena_slabs.hpp"    // IWYU pragma: export
#include "heap/arena_units.hpp"    // IWYU pragma: export
#include "heap/arena_upkeep.hpp"   // IWYU pragma: export
