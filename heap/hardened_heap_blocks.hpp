// How a hardened heap's less frequent blocks come and go. Included by hardened_heap.hpp.
#pragma once

#include "heap/hardened_heap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace slab {

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::allocate_aligned(Arena& arena, std::size_t alignment, std::size_t bytes,
                                             Origin origin) {
    if (!std::has_single_bit(alignment) || alignment > max_alignment || bytes > max_request) {
        return nullptr;
    }
    auto const size_class = class_of_aligned(std::max(alignment, quantum), bytes + tag_bytes);
    return size_class ? allocate_of_class(arena, *size_class, bytes, origin)
                      : allocate_large(arena, alignment, bytes, origin);
}

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::allocate_of_class(Arena& arena, std::size_t size_class,
                                              std::size_t bytes, Origin origin) {
    if (heap_.trimmed_at() != rested_until_) {  // they keep slabs that nobody else needs
        rested_until_ = heap_.trimmed_at();
        quarantine_.let_go(Quarantine::Which::old, [&](std::uintptr_t block) {
            put_back(arena, reinterpret_cast<std::uintptr_t*>(block));
        });
    }
    void* const block = heap_.take(arena, size_class);
    if (block == nullptr) {
        return nullptr;
    }
    auto const address = reinterpret_cast<std::uintptr_t>(block);
    auto const size = class_sizes[size_class];
    if (!is_clean(arena, address, size)) {
        return clean(arena, address, {bytes, origin}, size);
    }
    mark(arena, address, {bytes, origin}, size);
    return block;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::rest(Arena& arena, Unit& slab, std::uintptr_t address) {
    auto const size = class_sizes[slab.size_class];
    std::memset(reinterpret_cast<void*>(address), 0, size - tag_bytes);
    TagPlace(arena.tag_key(), address, size).write({});
    auto const rested = quarantine_.exchange(slab.size_class, address);
    if (rested != 0) {
        put_back(arena, reinterpret_cast<std::uintptr_t*>(rested));
    }
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::put_back(Arena& arena, std::uintptr_t* block) {
    if (*block != 0) {
        arena.fail(written_after_free, block);
        *block = 0;
    }
    auto& slab = *arena.head_at(reinterpret_cast<std::uintptr_t>(block));
    heap_.free_known(arena, slab, block);
}

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::allocate_large(Arena& arena, std::size_t alignment, std::size_t bytes,
                                           Origin origin) {
    heap_.tidy_up(arena);
    bool zeroed = false;
    void* const memory = arena.allocate_large(std::max(bytes, std::size_t{1}), alignment, zeroed);
    if (memory == nullptr) {
        return nullptr;
    }
    if (!zeroed) {
        std::memset(memory, 0, bytes);
    }
    mark_large(arena, *arena.unit_at(reinterpret_cast<std::uintptr_t>(memory)), bytes, origin);
    return memory;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::mark_large(Arena const& arena, Unit& unit, std::size_t bytes,
                                      Origin origin) {
    auto const word = arena.tag_key().canary;
    std::memcpy(reinterpret_cast<void*>(arena.memory_of(unit) + bytes), &word,
                canary_end(bytes) - bytes);
    unit.free = bytes;
    unit.size_class = static_cast<std::uint8_t>(origin);
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::free(Arena& arena, void* pointer, Freed freed) {
    if (pointer == nullptr) {
        return;
    }
    auto const block = find(arena, pointer);
    if (!block) {
        return;
    }
    check_freed(arena, *block, freed);
    if (block->unit->kind == UnitKind::slab) {
        rest(arena, *block->unit, block->address);
    } else {
        arena.retire_large(arena.runs().index_of(*block->unit));
    }
}

template <HeapConfig Config>
    requires is_hardened<Config>
bool HardenedHeap<Config>::resize_in_place(Arena& arena, Block const& block, std::size_t bytes) {
    auto const clear = [&](std::size_t from, std::size_t to) {
        if (from < to) {
            std::memset(reinterpret_cast<void*>(block.address + from), 0, to - from);
        }
    };
    if (block.unit->kind == UnitKind::slab) {
        auto const size_class = block.unit->size_class;
        if (class_of_aligned(quantum, bytes + tag_bytes) != size_class) {
            return false;
        }
        auto const size = class_sizes[size_class];
        clear(std::min(bytes, block.bytes),
              std::min<std::size_t>(block.bytes + sizeof(std::uint64_t), size - tag_bytes));
        mark(arena, block.address, {bytes, block.origin}, size);
        return true;
    }
    if (bytes <= small_limit) {
        return false;
    }
    clear(std::min(bytes, block.bytes), canary_end(block.bytes));
    if (!arena.resize_large_within(arena.runs().index_of(*block.unit), bytes)) {
        mark_large(arena, *block.unit, block.bytes, block.origin);
        return false;
    }
    mark_large(arena, *block.unit, bytes, block.origin);
    return true;
}

// By its pages; null where that is impossible, or not worth it.
template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::move_large(Arena& arena, Block const& block, std::size_t bytes) {
    if (block.unit->kind != UnitKind::large || bytes < block.bytes || block.bytes < least_moved) {
        return nullptr;
    }
    void* const moved = arena.move_large(arena.runs().index_of(*block.unit), bytes);
    if (moved == nullptr) {
        return nullptr;
    }
    auto const address = reinterpret_cast<std::uintptr_t>(moved);
    std::memset(reinterpret_cast<void*>(address + block.bytes), 0,
                canary_end(block.bytes) - block.bytes);
    mark_large(arena, *arena.unit_at(address), bytes, block.origin);
    return moved;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::reallocate(Arena& arena, void* pointer, std::size_t bytes) {
    if (pointer == nullptr) {
        return allocate_aligned(arena, quantum, bytes, Origin::malloc);
    }
    auto const address = reinterpret_cast<std::uintptr_t>(pointer);
    Freed const freed{.origin = Origin::malloc};
    if (auto* const slab = good_slab_at(arena, address, freed);
        slab != nullptr && bytes <= small_limit) [[likely]] {
        return reallocate_small(arena, *slab, address, bytes);
    }
    auto const block = find(arena, pointer);
    if (!block || bytes > max_request - max_alignment) {
        return nullptr;
    }
    check_freed(arena, *block, freed);
    if (resize_in_place(arena, *block, bytes)) {
        return pointer;
    }
    if (void* const moved = move_large(arena, *block, bytes)) {
        return moved;
    }
    void* const moved = allocate_aligned(arena, quantum, bytes, Origin::malloc);
    if (moved != nullptr) {
        std::memcpy(moved, pointer, std::min(bytes, block->bytes));
        free(arena, pointer, {.origin = block->origin});
    }
    return moved;
}

// A good block of malloc's.
template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::reallocate_small(Arena& arena, Unit& slab, std::uintptr_t address,
                                             std::size_t bytes) {
    auto* const pointer = reinterpret_cast<void*>(address);
    auto const old_bytes =
        TagPlace(arena.tag_key(), address, class_sizes[slab.size_class]).read().bytes();
    if (resize_in_place(arena, {&slab, address, old_bytes, Origin::malloc}, bytes)) {
        return pointer;
    }
    void* const moved = allocate(arena, bytes, Origin::malloc);
    if (moved != nullptr) {
        std::memcpy(moved, pointer, std::min(bytes, old_bytes));
        give_back(arena, slab, address, OwnFree{*this, arena});
    }
    return moved;
}

template <HeapConfig Config>
    requires is_hardened<Config>
std::size_t HardenedHeap<Config>::usable_bytes(Arena& arena, void const* pointer) {
    auto const block = pointer != nullptr ? find(arena, pointer) : std::nullopt;
    return block ? block->bytes : 0;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::end_rest(Arena& arena) {
    quarantine_.let_go(Quarantine::Which::all, [&](std::uintptr_t block) {
        put_back(arena, reinterpret_cast<std::uintptr_t*>(block));
    });
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::abandon(Arena& arena) {
    end_rest(arena);
    heap_.abandon(arena);
}

}  // namespace slab
