// What the heap knows about one 64 KiB unit of its window. Kept out of line, so that a program that
// writes past a block cannot reach it.
#pragma once

#include "heap/claim.hpp"
#include "heap/freed_by_others.hpp"
#include "heap/relaxed.hpp"
#include "heap/size_class.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace slab {

enum class UnitKind : std::uint8_t {
    untouched = 0,  // in no slab and no large block, and not at the end of a free run
    free_run,       // the first or last unit of a free run
    slab,           // the first unit of a slab
    large,          // the first unit of a large block
    inner,          // another one of either
    own,            // holds what the heap itself needs
    mixed,          // was a slab, of which few blocks were left; see mixed_units.hpp
    retired,        // the first unit of a slab that is free; see retired.hpp
    resting,        // the same of a large block
};

// How many blocks of a slab that its class has let go must be free before it is looked at again: few, where the
// class has few slabs and so much of its memory is in them; a quarter, where it has many, for that takes less time.
enum class Patience : bool { little, much };
// Whether a unit may be touched; see CanGuard.
enum class Reach : std::uint8_t { open, guarded, hidden };
inline constexpr auto useful_frees = [] {
    std::array<std::array<std::uint32_t, class_count>, 2> all{};
    for (std::size_t i = 0; i < class_count; ++i) {
        auto const blocks = blocks_a_slab(i);
        auto const quarter = std::max(blocks / 4, std::uint32_t{1});
        auto const few = is_coarse(i) ? std::max(blocks / 32, std::uint32_t{1})
                                      : std::min(quarter, std::uint32_t{8});
        all[0][i] = few;
        all[1][i] = is_coarse(i) ? few : quarter;
    }
    return all;
}();
constexpr std::uint32_t frees_until_useful(std::size_t size_class, Patience patience) {
    return useful_frees[patience == Patience::much ? 1 : 0][size_class];
}

struct alignas(64) Unit {
    // Of a slab. What a free looks at comes first.
    Claim claim;
    std::uintptr_t free = 0;         // the first free block, or the slab's end mark; see link.hpp
    std::uint32_t until_change = 0;  // frees until the slab must be looked at; see used()
    Relaxed<UnitKind> kind = UnitKind::untouched;
    std::uint8_t size_class = 0;               // of a hardened heap's large block: its Origin
    bool is_full : 1 = false;                  // and let go by its class
    Patience patience : 1 = Patience::little;  // of a full one
    Reach reach : 2 = Reach::open;             // of any unit
    bool is_dirty : 1 = false;                 // any unit: to be cleared before it is used
    bool is_in_row : 1 = false;                // of a slab: see Retired
    bool is_sample : 1 = false;                // of a large block: see sample.hpp
    std::uint8_t committed_pages = 0;          // of any unit, from its first one on
    std::uint64_t reciprocal = 0;              // of the block size
    std::atomic<FreedByOthers> remote;
    std::uint32_t carved = 0;  // blocks that were ever handed out; of a large one: its pages
    std::uint32_t next = 0;    // in a list; see unit_list.hpp
    std::uint32_t previous = 0;
    std::uint32_t head = 0;  // of an inner one: the index of the first; of a slab: absent_pages()
    std::uint32_t run_units = 0;  // of a free run (see FreeRun), a slab or a large block
    std::uint32_t freed_at =
        0;  // of a free run: when, in ticks of the arena's clock; of a slab: see below

    // `free` counts until_change down and looks at the slab when it reaches zero. It is the number
    // of blocks in use, with two exceptions: a slab that its class takes blocks from has is_current
    // added, so that one block going back and forth stays off the slow path; a full slab that its
    // class has let go has what is missing until enough of its blocks are free to be worth a change.
    static constexpr std::uint32_t is_current = std::uint32_t{1} << 31;
    std::uint32_t used() const { return used_as_seen(); }
    // Part of its caller: of who looks on.
    [[gnu::always_inline]] std::uint32_t used_as_seen() const {
        return is_full ? carved - frees_until_useful(size_class, patience) + until_change
                       : until_change & ~is_current;
    }

    // Whoever looks meanwhile from another thread, on a processor that keeps the order of stores, sees that in this order.
    void become_full(Patience patience_then, std::uint32_t free_blocks) {
        is_full = true;
        patience = patience_then;
        std::atomic_signal_fence(std::memory_order_release);
        until_change = frees_until_useful(size_class, patience) - free_blocks;
    }
    void become_partial() {
        until_change = used();
        std::atomic_signal_fence(std::memory_order_release);
        is_full = false;
    }
    // A block that is in the list is not in use any more. Whether there is something to do about the slab.
    [[gnu::always_inline]] bool count_freed() {
        std::atomic_signal_fence(std::memory_order_release);
        return --until_change == 0;
    }
    void end_use() {
        std::atomic_signal_fence(std::memory_order_release);
        until_change &= ~is_current;
    }

    // Pages of a slab that were taken away, a bit each; see local_heap_pages.hpp.
    [[gnu::always_inline]] std::uint32_t absent_pages() const { return head; }
    void set_absent_pages(std::uint32_t pages) { head = pages; }
    // How many blocks were in use when that was last tried, so that it is not tried again for nothing.
    bool was_released_with(std::uint32_t blocks_in_use) const { return freed_at == blocks_in_use; }
    void set_released_with(std::uint32_t blocks_in_use) { freed_at = blocks_in_use; }

    // Of a free unit: who gave it back.
    Owner last_owner() const { return free; }
    void set_last_owner(Owner owner) { free = owner; }

    // How many of a slab's blocks are in use, as far as can be told from here.
    std::uint32_t in_use() const {
        auto const used = this->used();
        return used - std::min(used, remote.load(std::memory_order_relaxed).count());
    }
    // Whether others have freed blocks of a slab, of which its owner does not know yet.
    bool has_freed_by_others() const { return !remote.load(std::memory_order_relaxed).is_none(); }
    // Whether the pages of a slab were taken away when others had freed all of its blocks. Its owner will see that.
    bool has_gone() const { return remote.load(std::memory_order_relaxed).are_gone(); }

    std::uint32_t capacity() const { return blocks_a_slab(size_class); }
};
static_assert(sizeof(Unit) == 64);

}  // namespace slab
