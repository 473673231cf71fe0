// Large blocks: runs of units of their own. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"

#include <algorithm>

namespace slab {

template <HeapConfig Config>
void* Arena<Config>::allocate_large(std::size_t bytes, std::size_t alignment, bool& zeroed) {
    if (bytes > max_request - max_alignment) {
        return nullptr;
    }
    auto const pages = whole_pages(bytes);
    auto const units = units_of(pages);
    if (units > most_units) {
        return nullptr;
    }
    auto const align = std::max(alignment, unit_bytes) >> unit_shift;
    auto const index =
        take(static_cast<std::uint32_t>(units), static_cast<std::uint32_t>(align), UnitKind::large);
    if (index == 0) {
        return nullptr;
    }
    auto held = Committed::dirty;
    if constexpr (is_hardened<Config>) {
        report_written(runs_.clear_again(index, pages));
        held = Committed::zeroed;
        UnitRange const range{.first = index, .end = index + static_cast<std::uint32_t>(units)};
        if (runs_.missing_pages(index, pages) != 0) {
            std::lock_guard const guard(lock_);
            take_idle_pages(range);
        }
        runs_.clear_dirty(range);
    }
    auto const committed = runs_.commit(index, pages, held);
    if (committed == Committed::failed) {
        put(index);
        return nullptr;
    }
    zeroed = committed == Committed::zeroed;
    large_pages(index) = static_cast<std::uint32_t>(pages);
    return reinterpret_cast<void*>(runs_.address_of(index));
}

template <HeapConfig Config>
bool Arena<Config>::resize_large(std::uint32_t index, std::size_t bytes) {
    auto& unit = runs_.unit(index);
    auto const pages = whole_pages(bytes);
    if (units_of(pages) > most_units) {
        return false;
    }
    auto const units = static_cast<std::uint32_t>(units_of(pages));
    auto const old_units = unit.run_units;
    if (units > old_units) {
        std::lock_guard const guard(lock_);
        if (!runs_.grow(index, old_units, units)) {
            return false;
        }
        set_up(index, units, UnitKind::large);
    }
    if (units >= old_units) {
        if (runs_.commit(index, pages) == Committed::failed) {
            shrink(index, old_units);
            return false;
        }
    } else {
        shrink(index, units);
    }
    if (pages < large_pages(index)) {
        runs_.decommit_behind(index, unit.run_units, pages);
    }
    large_pages(index) = static_cast<std::uint32_t>(pages);
    return true;
}

template <HeapConfig Config>
bool Arena<Config>::resize_large_within(std::uint32_t index, std::size_t bytes) {
    auto const pages = whole_pages(bytes);
    auto const new_units = units_of(pages);
    auto const old_units = static_cast<std::uint32_t>(units_of(large_pages(index)));
    if (new_units + guard_units > runs_.unit(index).run_units) {
        return false;
    }
    auto const units = static_cast<std::uint32_t>(new_units);
    if (units > old_units) {
        runs_.unguard(index + old_units, units - old_units);
    } else if (units < old_units) {
        runs_.guard(index + units, old_units - units);
    }
    runs_.decommit_behind(index, units, pages);
    if (runs_.commit(index, pages) == Committed::failed) {
        return false;
    }
    large_pages(index) = static_cast<std::uint32_t>(pages);
    return true;
}

template <HeapConfig Config>
void* Arena<Config>::move_large(std::uint32_t index, std::size_t bytes) {
    auto const old_pages = std::size_t{large_pages(index)};
    auto const pages = whole_pages(bytes);
    if (pages < old_pages || units_of(pages) > most_units) {
        return nullptr;
    }
    auto const units = static_cast<std::uint32_t>(units_of(pages));
    auto const there = take(units, 1, UnitKind::large, guard_units * units / 2);
    if (there == 0) {
        return nullptr;
    }
    if constexpr (is_hardened<Config>) {
        if (!move_hardened(index, there, old_pages, pages)) {
            put(there);
            return nullptr;
        }
    } else if (!runs_.move_pages(index, there, old_pages, Runs<Source>::Others::are_kept) ||
               runs_.commit(there, pages) == Committed::failed) {
        give_up_move(index, there, old_pages);
        return nullptr;
    }
    large_pages(there) = static_cast<std::uint32_t>(pages);
    put(index);
    return reinterpret_cast<void*>(runs_.address_of(there));
}

// A large block that needs many new pages gets them in exchange for free ones that are no good for it: else
// a program that outgrows one block after the other held as much again as it has.
template <HeapConfig Config>
void Arena<Config>::make_up_for(std::uint32_t index, std::size_t pages) {
    constexpr std::size_t many = (std::size_t{4} << 20) / page_bytes;
    if (pages < many) {
        return;
    }
    if (auto const missing = runs_.missing_pages(index, pages); missing >= many) {
        runs_.shed(missing);
    }
}

// In a hardened heap, which gives no free pages to others. Where the block is to be there are zeros behind it.
template <HeapConfig Config>
bool Arena<Config>::move_hardened(std::uint32_t index, std::uint32_t there, std::size_t old_pages,
                                  std::size_t pages) {
    std::lock_guard const guard(lock_);
    auto const units = static_cast<std::uint32_t>(units_of(pages));
    retired_.moved().renew(runs_, {.first = there, .end = there + units});
    auto const old_units = static_cast<std::uint32_t>(units_of(old_pages));
    return runs_.commit(there, pages) != Committed::failed &&
           retired_.moved().move(runs_, {.first = index, .end = index + old_units}, there,
                                 MovedPages<Source>::Unmoved::are_copied);
}

// For units in use that have no pages yet. Where others' are at hand, nothing is held for them in vain.
template <HeapConfig Config>
void Arena<Config>::take_idle_pages(UnitRange range) {
    auto const pages = range.count() * pages_a_unit;
    auto const written = [&](std::uintptr_t address) { report_written(address); };
    IdlePages<Source, decltype(written)>(runs_, retired_.moved(), range, written)
        .fill(resting_, retired_);
    if (auto const missing = runs_.missing_pages(range.first, pages); missing != 0) {
        retired_.shed(runs_, missing);
        make_up_for(range.first, pages);
    }
}

template <HeapConfig Config>
void Arena<Config>::check_resting() {
    std::lock_guard const guard(lock_);
    (void)resting_.for_each(runs_, [&](UnitRange run) {
        report_written(runs_.clear_again(run.first, large_pages(run.first)));
        return true;
    });
}

template <HeapConfig Config>
void Arena<Config>::report_written(std::uintptr_t address) {
    if (address != 0) {
        fail(written_after_free, reinterpret_cast<void const*>(address));
    }
}

// The pages are here or there; they belong here.
template <HeapConfig Config>
void Arena<Config>::give_up_move(std::uint32_t index, std::uint32_t there, std::size_t pages) {
    if (runs_.unit(index).committed_pages == 0) {
        (void)runs_.move_pages(there, index, pages, Runs<Source>::Others::are_lost);
    }
    put(there);
}

template <HeapConfig Config>
void Arena<Config>::shrink(std::uint32_t index, std::uint32_t units) {
    auto& unit = runs_.unit(index);
    auto const old_units = unit.run_units;
    unit.run_units = units;
    if (units < old_units) {
        std::lock_guard const guard(lock_);
        runs_.put(index + units, old_units - units, Config::self());
    }
}

}  // namespace slab
