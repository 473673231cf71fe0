// Frees that are not simple: large blocks, others' blocks, and mistakes. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

namespace slab {

// Reports what a sized or aligned delete was told, if it cannot be true of the block.
template <HeapConfig Config>
void LocalHeap<Config>::check_freed(Arena& arena, Unit const& unit, std::uintptr_t address,
                                    Freed freed) {
    auto const* const pointer = reinterpret_cast<void const*>(address);
    if (!freed.is_aligned(address)) {
        return arena.fail(wrong_alignment, pointer);
    }
    if (!freed.knows_bytes()) {
        return;
    }
    if (unit.is_sample) {
        return freed.bytes != arena.large_bytes(unit) ? arena.fail(wrong_size, pointer) : void();
    }
    auto const size_class = class_of_aligned(freed.alignment, freed.bytes);
    bool const fits = unit.kind == UnitKind::large
                          ? !size_class && whole_pages(freed.bytes) == unit.carved
                          : size_class && may_serve(unit.size_class, *size_class);
    if (!fits) {
        arena.fail(wrong_size, pointer);
    }
}

template <HeapConfig Config>
void LocalHeap<Config>::free_slow(Arena& arena, void* pointer, Freed freed, Gather gather) {
    auto const address = address_of(pointer);
    auto* const unit = arena.head_at(address);
    if (unit == nullptr) {
        return pointer != nullptr ? arena.fail(not_ours, pointer) : void();
    }
    UnitKind const kind = unit->kind;  // once: a slab may become a mixed unit meanwhile
    if (kind == UnitKind::large) {
        if (arena.memory_of(*unit) != address) {
            return arena.fail(into_the_middle, pointer);
        }
        if (freed.knows_anything()) {
            check_freed(arena, *unit, address, freed);
        }
        count_given(unit->run_units);
        return arena.put(arena.runs().index_of(*unit));
    }
    if constexpr (Arena::mixes) {
        if (kind == UnitKind::mixed) {
            return free_mixed(arena, *unit, address, freed);
        }
    }
    if (kind != UnitKind::slab) {
        return arena.fail(no_block, pointer);
    }
    if (!Arena::is_block(*unit, address)) {
        return arena.fail(into_the_middle, pointer);
    }
    if (arena.looks_free(*unit, address)) {
        return arena.fail(double_free, pointer);
    }
    if (freed.knows_anything()) {
        check_freed(arena, *unit, address, freed);
    }
    if (!Arena::is_own_block(*unit, address)) {
        return gather == Gather::yes ? free_remote(arena, *unit, address)
                                     : arena.give_remote(*unit, {address, address, 1});
    }
    arena.key().link(address, unit->free);
    unit->free = address;
    if (unit->count_freed()) {
        slab_changed(arena, *unit);
    }
}

}  // namespace slab
