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
        runs_.clear(index, pages);
        held = Committed::zeroed;
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
    // A hardened heap gives no free pages to others.
    constexpr auto others =
        is_hardened<Config> ? Runs<Source>::Others::are_lost : Runs<Source>::Others::are_kept;
    if (!runs_.move_pages(index, there, old_pages, others) ||
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
        runs_.put(index + units, old_units - units);
    }
}

}  // namespace slab
