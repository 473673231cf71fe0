// Slabs of threads that make no calls, of which others have freed all blocks: their pages go back, and their owners
// see it when they look for blocks that others freed. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"

#include <atomic>
#include <cstdint>

namespace slab {

// A look at all slabs takes time, so there is not one at each look at the clock.
template <HeapConfig Config>
void Arena<Config>::take_pages_of_emptied(std::uint32_t age_ticks) {
    constexpr std::uint32_t ticks_between = 5;
    auto const now = runs_.looked_at();
    if (!may_have_emptied_.load(std::memory_order_relaxed) ||
        (age_ticks != 0 && now - emptied_at_ < ticks_between)) {
        return;
    }
    emptied_at_ = now;
    may_have_emptied_.store(false, std::memory_order_relaxed);
    for (std::uint32_t first = 1; first < runs_.used_units();) {
        auto end = first;
        while (end < runs_.used_units() && take_emptied(runs_.unit(end), age_ticks)) {
            end += runs_.unit(end).run_units;
        }
        if (end == first) {
            ++first;
            continue;
        }
        runs_.take_away({.first = first, .end = end});
        for (; first != end; first += runs_.unit(first).run_units) {
            give_up_emptied(runs_.unit(first));
        }
    }
}

// Takes what others freed, if it is all of a slab and has been for so long. Then it looks full to its owner, but nobody has a
// block of it.
template <HeapConfig Config>
bool Arena<Config>::take_emptied(Unit& slab, std::uint32_t age_ticks) {
    // What others freed of a new slab comes after all that makes it one.
    auto freed = slab.remote.load(std::memory_order_acquire);
    if (freed.is_none() || slab.kind != UnitKind::slab || freed.count() != slab.capacity()) {
        return false;
    }
    if (freed.age(runs_.looked_at()) < age_ticks) {
        may_have_emptied_.store(true, std::memory_order_relaxed);
        return false;
    }
    return slab.remote.compare_exchange_strong(freed, {}, std::memory_order_acquire,
                                               std::memory_order_relaxed);
}

// A free of one of its blocks is a mistake from now on, and its owner's no simple one.
template <HeapConfig Config>
void Arena<Config>::give_up_emptied(Unit& slab) {
    give_to(slab, 0);
    auto const freed = slab.remote.exchange(FreedByOthers::gone(), std::memory_order_acq_rel);
    if (!freed.is_none()) {
        fail(double_free, reinterpret_cast<void const*>(freed.first(memory_of(slab))));
    }
}

// By its owner, or under the lock where it has none: of an ended thread's. None of its blocks was ever handed out now.
template <HeapConfig Config>
void Arena<Config>::begin_anew(Unit& slab) {
    give_to(slab, Config::self());
    runs_.forget_taken_away(
        {.first = runs_.index_of(slab), .end = runs_.index_of(slab) + slab.run_units});
    slab.free = end_mark(slab);
    slab.until_change &= Unit::is_current;
    slab.carved = 0;
    slab.set_released_with(0);
}

}  // namespace slab
