// Slabs: how they come and go, also to other threads, and what others free of them. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"

#include <algorithm>
#include <mutex>

namespace slab {

template <HeapConfig Config>
std::uint32_t Arena<Config>::make_slab(std::size_t size_class, Owner owner) {
    auto const units = static_cast<std::uint32_t>(slab_units(size_class));
    auto const index = take_slab(units, size_class);
    if (index == 0) {
        return 0;
    }
    if constexpr (is_hardened<Config>) {
        runs_.clear_dirty({.first = index, .end = index + units});
    }
    auto& slab = runs_.unit(index);
    slab.size_class = static_cast<std::uint8_t>(size_class);
    slab.reciprocal = reciprocal(class_bytes(size_class));
    slab.free = end_mark(slab);
    slab.until_change = 0;
    slab.is_full = false;
    slab.set_absent_pages(0);
    slab.set_released_with(0);
    slab.carved = 0;
    slab.remote.store({}, std::memory_order_relaxed);
    give_to(slab, owner);
    return index;
}

template <HeapConfig Config>
bool Arena<Config>::commit_slab(Unit& slab, std::size_t pages) {
    auto const index = runs_.index_of(slab);
    auto const most = slab_bytes(slab.size_class) / page_bytes;
    if (runs_.is_committed(index, pages)) {
        return true;
    }
    return runs_.commit(index, std::min(most, 2 * pages - 1)) != Committed::failed;
}

template <HeapConfig Config>
void Arena<Config>::give_remote(Unit& slab, Chain chain) {
    if (!gave_remote_.load(std::memory_order_relaxed)) {
        gave_remote_.store(true, std::memory_order_relaxed);
    }
    // With all of its blocks back it may be something else at once.
    auto const capacity = slab.capacity();
    auto there = slab.remote.load(std::memory_order_relaxed);
    auto here = there;
    do {
        if (has_checks && there.count() + chain.count > capacity) [[unlikely]] {
            return fail(double_free, reinterpret_cast<void const*>(chain.first));
        }
        here = there.with(chain.first, chain.count, runs_.looked_at());
        key_.link(chain.last, there.is_none() ? end_mark(slab) : there.first(chain.last));
    } while (!slab.remote.compare_exchange_weak(there, here, std::memory_order_seq_cst,
                                                std::memory_order_relaxed));
    if constexpr (mixes) {
        // It became a mixed unit meanwhile: either it sees what it was given, or this sees what it is.
        if (slab.kind.ordered().load(std::memory_order_seq_cst) == UnitKind::mixed) [[unlikely]] {
            std::lock_guard const guard(lock_);
            if (slab.kind == UnitKind::mixed) {
                collect_mixed(slab);
            }
        }
    }
}

template <HeapConfig Config>
void Arena<Config>::collect(Unit& slab) {
    if (!slab.remote.load(std::memory_order_relaxed).is_none()) {
        receive(slab, take_freed(slab));
    }
}

template <HeapConfig Config>
void Arena<Config>::receive(Unit& slab, FreedByOthers freed) {
    if (have_gone(freed)) [[unlikely]] {
        return begin_anew(slab);
    }
    auto block = freed.is_none() ? 0 : freed.first(memory_of(slab));
    while (block != 0) {
        auto const next = next_of(slab, block);
        if (next == 0) {
            fail(corrupted, reinterpret_cast<void const*>(block));
        }
        key_.link(block, slab.free);
        slab.free = block;
        slab.count_freed();
        block = next != end_mark(slab) ? next : 0;
    }
}

template <HeapConfig Config>
void Arena<Config>::orphan_others() {
    for (std::uint32_t i = 1; i < runs_.used_units(); ++i) {
        auto& unit = runs_.unit(i);
        if (unit.kind == UnitKind::slab && !is_own_slab(unit)) {
            give_to(unit, 0);
        }
    }
}

template <HeapConfig Config>
void Arena<Config>::abandon(std::uint32_t index) {
    std::lock_guard const guard(lock_);
    auto& slab = runs_.unit(index);
    auto& list = abandoned_[slab.size_class];
    bool const is_small = slab.carved * class_bytes(slab.size_class) <= page_bytes;
    if (slab.used() == 0 && !(is_small && list.first() == 0)) {
        return put_locked(index);
    }
    give_to(slab, 0);
    list.push_back(runs_.units(), index);
    abandoned_count_.fetch_add(1, std::memory_order_relaxed);
}

template <HeapConfig Config>
std::uint32_t Arena<Config>::adopt(std::size_t size_class, Owner owner) {
    std::lock_guard const guard(lock_);
    auto& list = abandoned_[size_class];
    auto const index = list.first();
    if (index != 0) {
        list.remove(runs_.units(), index);
        abandoned_count_.fetch_sub(1, std::memory_order_relaxed);
        give_to(runs_.unit(index), owner);
    }
    return index;
}

template <HeapConfig Config>
std::uint32_t Arena<Config>::take_slab(std::uint32_t units, std::size_t size_class) {
    std::lock_guard const guard(lock_);
    if constexpr (is_hardened<Config>) {
        if (auto const index = retired_.take_slab(runs_, size_class); index != 0) {
            runs_.unit(index).kind = UnitKind::slab;
            return index;
        }
        auto const row = retired_.wants_row(size_class) ? take_row(size_class) : 0;
        auto const index = row != 0 ? row : take_locked(units, units, UnitKind::slab);
        if (index != 0 && row == 0) {
            take_idle_pages({.first = index, .end = index + units});
        }
        return index;
    }
    return take_locked(units, units, UnitKind::slab);
}

// Slabs in a row share what is out of reach behind them, and can have pages that others do not need. All but the first
// wait for their class.
template <HeapConfig Config>
std::uint32_t Arena<Config>::take_row(std::size_t size_class) {
    auto row = retired_.take_empty_row(runs_, size_class);
    if (row == 0) {
        row = take_locked(row_units, row_units, UnitKind::slab);
        if (row == 0) {
            return 0;
        }
        auto const units = static_cast<std::uint32_t>(slab_units(size_class));
        for (auto index = row; index != row + row_units; index += units) {
            bool const is_last = index + units == row + row_units;
            set_up(index, is_last ? units + guard_units : units, UnitKind::slab);
            runs_.unit(index).size_class = static_cast<std::uint8_t>(size_class);
            runs_.unit(index).is_in_row = true;
        }
    }
    take_idle_pages({.first = row, .end = row + row_units});
    retired_.use_row(runs_, row);
    runs_.unit(row).kind = UnitKind::slab;
    return row;
}

// Slabs of threads that have ended, of which others have freed the last block.
template <HeapConfig Config>
void Arena<Config>::sweep_abandoned() {
    for (auto& list : abandoned_) {
        for (auto index = list.first(); index != 0;) {
            auto& slab = runs_.unit(index);
            auto const next = slab.next;
            collect(slab);
            if (slab.used() == 0) {
                list.remove(runs_.units(), index);
                abandoned_count_.fetch_sub(1, std::memory_order_relaxed);
                put_locked(index);
            }
            index = next;
        }
    }
}

}  // namespace slab
