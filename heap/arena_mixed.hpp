// Blocks of mixed units: how a slab becomes one, and how they come and go. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"

#include <memory>
#include <mutex>
#include <new>

namespace slab {

template <HeapConfig Config>
bool Arena<Config>::mix(Unit& slab, BlockBits const& is_free) {
    std::lock_guard const guard(lock_);
    auto* const granules = make_granules();
    if (granules == nullptr) {
        return false;
    }
    auto const absent = slab.absent_pages() | ~((std::uint32_t{1} << slab.committed_pages) - 1);
    for (std::uint32_t page = 0; page != pages_a_unit; ++page) {
        if ((absent >> page & 1) != 0) {
            granules->bar_page(page);
        }
    }
    SlabPages const pages(memory_of(slab), first_block(slab), class_bytes(slab.size_class));
    auto const first = MixedUnits::granule_at(runs_, slab, first_block(slab));
    auto const count = static_cast<std::uint32_t>(class_bytes(slab.size_class) / quantum);
    std::uint32_t used = 0;
    is_free.for_each_other(slab.carved, [&](std::uint32_t block) {
        if ((pages.pages_of(block) & slab.absent_pages()) == 0) {
            granules->place(first + block * count, count);
            used += count;
        }
    });
    slab.free = reinterpret_cast<std::uintptr_t>(granules);
    slab.carved = used;
    slab.claim.set({});
    mixed_.add(runs_, slab, Config::self());
    // Others may still take it for a slab, and give it blocks: before, or seeing what it is. See give_remote().
    slab.kind.ordered().store(UnitKind::mixed, std::memory_order_seq_cst);
    collect_mixed(slab);
    return true;
}

template <HeapConfig Config>
Granules* Arena<Config>::make_granules() {
    if (auto* const granules = free_granules_; granules != nullptr) {
        free_granules_ = *reinterpret_cast<Granules**>(granules);
        return std::construct_at(granules);
    }
    constexpr std::uint32_t most = unit_bytes / sizeof(Granules);
    if (granules_unit_ == 0 || granules_made_ == most) {
        granules_unit_ = take_locked(1, 1, UnitKind::own);
        granules_made_ = 0;
    }
    auto const end = (granules_made_ + 1) * sizeof(Granules);
    if (granules_unit_ == 0 ||
        runs_.commit(granules_unit_, whole_pages(end)) == Committed::failed) {
        return nullptr;
    }
    auto const address = runs_.address_of(granules_unit_) + granules_made_++ * sizeof(Granules);
    return new (reinterpret_cast<void*>(address)) Granules;
}

template <HeapConfig Config>
MixedList Arena<Config>::take_mixed(std::size_t bytes, std::uint32_t most) {
    MixedBlocks blocks;
    {
        std::lock_guard const guard(lock_);
        mixed_.take(runs_, static_cast<std::uint32_t>(bytes / quantum),
                    std::min(most, MixedBlocks::most), Config::self(), blocks);
    }
    auto const memory = runs_.address_of(blocks.unit);
    auto next = LinkKey::end_mark(memory);
    for (auto i = blocks.count; i-- != 0;) {
        auto const block = memory + blocks.first[i] * quantum;
        key_.link(block, next);
        next = block;
    }
    return {next, blocks.count};
}

template <HeapConfig Config>
void Arena<Config>::remove_mixed(Unit& unit, std::uint32_t first, std::uint32_t count) {
    if (mixed_.remove(runs_, unit, first, count)) {
        auto* const granules = &granules_of(unit);
        *reinterpret_cast<Granules**>(granules) = free_granules_;
        free_granules_ = granules;
        put_locked(runs_.index_of(unit));
    }
}

// What is wrong with a delete of a block of a mixed unit; null, if nothing is.
inline char const* mistake_about(std::uintptr_t address, std::size_t bytes, Freed freed) {
    if (!freed.is_aligned(address)) {
        return wrong_alignment;
    }
    auto const size_class = class_of_aligned(freed.alignment, freed.bytes);
    bool const fits =
        !freed.knows_bytes() || (size_class && may_serve(class_of(bytes), *size_class));
    return fits ? nullptr : wrong_size;
}

// Whether a list may hold a block of that unit, of so many bytes: one of those, or another thread's, if another ever had any.
template <HeapConfig Config>
bool Arena<Config>::may_be_at_hand(Unit const& unit, std::size_t bytes, Lists const& lists) const {
    auto const first = reinterpret_cast<std::uintptr_t>(lists[fine_class_of(bytes)]);
    return first - memory_of(unit) < unit_bytes || !mixed_.is_only_user(Config::self());
}

template <HeapConfig Config>
void Arena<Config>::free_mixed(Unit& unit, std::uintptr_t address, Freed freed,
                               Lists const& lists) {
    char const* mistake = nullptr;
    std::size_t bytes = 0;
    {
        std::lock_guard const guard(lock_);
        auto const first = MixedUnits::granule_at(runs_, unit, address);
        auto const count =
            unit.kind == UnitKind::mixed ? MixedUnits::length_at(runs_, unit, address) : 0;
        if (count == 0) {
            bool const is_inside = unit.kind == UnitKind::mixed && granules_of(unit).is_used(first);
            mistake = is_inside ? into_the_middle : no_block;
        } else if (has_checks && may_be_at_hand(unit, count * quantum, lists) &&
                   LinkKey::is_free(key_.step(address))) {
            mistake = double_free;  // it is in a thread's list
        } else {
            bytes = count * quantum;
            mistake = mistake_about(address, bytes, freed);
            remove_mixed(unit, first, count);
        }
    }
    if (mistake != nullptr) {
        runs_.source().fail(mistake, reinterpret_cast<void const*>(address), bytes);
    }
}

template <HeapConfig Config>
std::size_t Arena<Config>::mixed_bytes(Unit const& unit, std::uintptr_t address) {
    std::lock_guard const guard(lock_);
    return unit.kind == UnitKind::mixed ? MixedUnits::length_at(runs_, unit, address) * quantum : 0;
}

// What others gave it while they took it for a slab.
template <HeapConfig Config>
void Arena<Config>::collect_mixed(Unit& unit) {
    auto const freed = unit.remote.exchange({}, std::memory_order_seq_cst);
    auto block = freed.is_none() ? 0 : freed.first(memory_of(unit));
    while (block != 0) {
        auto const next = next_of(unit, block);
        auto const count = MixedUnits::length_at(runs_, unit, block);
        if (next == 0 || count == 0) {
            return fail(corrupted, reinterpret_cast<void const*>(block));
        }
        remove_mixed(unit, MixedUnits::granule_at(runs_, unit, block), count);
        block = next != end_mark(unit) ? next : 0;
    }
}

}  // namespace slab
