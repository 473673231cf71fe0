// Slabs of threads that make no calls, of which no block is in use any more, since others have freed the last ones: their
// pages go back, and their owners see it when they come to them. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"
#include "heap/attributes.hpp"

#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>

namespace slab {

// A look at all slabs takes time, so there is not one at each look at the clock.
template <HeapConfig Config>
void Arena<Config>::take_pages_of_emptied(std::uint32_t age_ticks) {
    constexpr std::uint32_t ticks_between = 5;
    auto const now = runs_.looked_at();
    if (!gave_remote() || (age_ticks != 0 && now - emptied_at_ < ticks_between)) {
        return;
    }
    emptied_at_ = now;
    if (!hold_emptied(age_ticks)) {
        return;
    }
    bool const owners_see_it = synchronize();
    for (std::uint32_t first = 1; first < runs_.used_units();) {
        auto end = first;
        std::uint32_t absent = 0;
        while (end < runs_.used_units() && is_still_emptied(runs_.unit(end), owners_see_it)) {
            absent += pages_absent_from(runs_.unit(end));
            end += runs_.unit(end).run_units;
        }
        if (end == first) {
            ++first;
            continue;
        }
        runs_.take_away({.first = first, .end = end}, absent);
        for (; first != end; first += runs_.unit(first).run_units) {
            give_up_emptied(runs_.unit(first));
        }
    }
}

// Keeps owners from what others freed of slabs that seem to be such, and have for so long. Whether there is any.
template <HeapConfig Config>
bool Arena<Config>::hold_emptied(std::uint32_t age_ticks) {
    bool has_any = false;
    for (std::uint32_t i = 1; i < runs_.used_units(); ++i) {
        auto& slab = runs_.unit(i);
        // What others freed of a new slab comes after all that makes it one.
        auto freed = slab.remote.load(std::memory_order_acquire);
        if (freed.is_none() || slab.kind != UnitKind::slab || have_gone(freed) ||
            freed.age(runs_.looked_at()) < age_ticks ||
            (freed.count() != slab.capacity() && !are_last(slab, freed))) {
            continue;
        }
        has_any |= slab.remote.compare_exchange_strong(
            freed, freed.held(), std::memory_order_acquire, std::memory_order_relaxed);
    }
    return has_any;
}

// Whether no block is in use but those that others freed, as its owner has it, and that is not at work on the slab. It
// may be elsewhere, and what it says of the slab then changes in two steps, once, before it comes here: see begin_use().
template <HeapConfig Config>
SLAB_LOOKS_ON bool Arena<Config>::are_last(Unit const& slab, FreedByOthers freed) {
    if constexpr (!CanSynchronize<Source>) {
        return false;
    }
    auto const volatile& until_change = slab.until_change;
    auto const before = until_change;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    auto const used = slab.used_as_seen();
    std::atomic_signal_fence(std::memory_order_seq_cst);
    bool const is_idle = before != 0 && (before & Unit::is_current) == 0;
    return is_idle && before == until_change && used == freed.count();
}

template <HeapConfig Config>
SLAB_LOOKS_ON std::uint32_t Arena<Config>::pages_absent_from(Unit const& slab) {
    return static_cast<std::uint32_t>(std::popcount(slab.absent_pages()));
}

// Of one that is held, whose blocks have gone then; else it is let go.
template <HeapConfig Config>
bool Arena<Config>::is_still_emptied(Unit& slab, bool owner_sees_it) {
    auto freed = slab.remote.load(std::memory_order_acquire);
    if (!freed.are_held()) {
        return false;
    }
    bool is_emptied = false;
    do {
        is_emptied = freed.count() == slab.capacity() || (owner_sees_it && are_last(slab, freed));
    } while (!slab.remote.compare_exchange_weak(
        freed, is_emptied ? FreedByOthers::gone().held() : freed.let_go(),
        std::memory_order_acq_rel, std::memory_order_acquire));
    return is_emptied;
}

// A free of one of its blocks is a mistake from now on, and its owner's no simple one.
template <HeapConfig Config>
void Arena<Config>::give_up_emptied(Unit& slab) {
    give_to(slab, 0);
    slab.remote.store(FreedByOthers::gone(), std::memory_order_release);
}

template <HeapConfig Config>
FreedByOthers Arena<Config>::take_freed(Unit& slab) {
    if constexpr (is_hardened<Config>) {
        return slab.remote.exchange({}, std::memory_order_acquire);
    }
    auto freed = slab.remote.load(std::memory_order_relaxed);
    do {
        while (freed.are_held()) {
            std::lock_guard const until_let_go(lock_);
            freed = slab.remote.load(std::memory_order_relaxed);
        }
    } while (!freed.is_none() &&
             !slab.remote.compare_exchange_weak(freed, {}, std::memory_order_acquire,
                                                std::memory_order_relaxed));
    return freed;
}

// By its owner, or under the lock where it has none: of an ended thread's. None of its blocks was ever handed out now.
template <HeapConfig Config>
void Arena<Config>::begin_anew(Unit& slab) {
    give_to(slab, Config::self());
    auto const index = runs_.index_of(slab);
    runs_.forget_taken_away({.first = index, .end = index + slab.run_units});
    slab.free = end_mark(slab);
    slab.until_change &= Unit::is_current;
    slab.is_full = false;
    slab.carved = 0;
    slab.set_absent_pages(0);
    slab.set_released_with(0);
}

}  // namespace slab
