// What is made of allocate and free: aligned, zeroed and resized blocks. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace slab {

template <HeapConfig Config>
void* LocalHeap<Config>::allocate_aligned(Arena& arena, std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment) || alignment > max_alignment || bytes > max_request) {
        return nullptr;
    }
    if (auto const size_class = class_of_aligned(alignment, bytes); size_class) {
        return take(arena, *size_class);
    }
    bool zeroed = false;
    return arena.allocate_large(std::max(bytes, std::size_t{1}), alignment, zeroed);
}

template <HeapConfig Config>
void* LocalHeap<Config>::allocate_zeroed(Arena& arena, std::size_t count, std::size_t bytes) {
    std::size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        return nullptr;
    }
    bool zeroed = false;
    void* const block = total <= small_limit ? allocate(arena, total)
                                             : arena.allocate_large(total, unit_bytes, zeroed);
    if (block != nullptr && !zeroed) {
        std::memset(block, 0, total);
    }
    return block;
}

// The first unit of what a block in use lies in; null, and a report, for anything else.
template <HeapConfig Config>
Unit* LocalHeap<Config>::unit_of_block(Arena& arena, void const* pointer) {
    auto const address = address_of(pointer);
    auto* const unit = arena.head_at(address);
    if (unit != nullptr) {
        bool const is_large = unit->kind == UnitKind::large && arena.memory_of(*unit) == address;
        bool const is_small = unit->kind == UnitKind::slab && Arena::is_block(*unit, address) &&
                              !(has_checks && LinkKey::is_free(arena.key().step(address)));
        if (is_large || is_small) {
            return unit;
        }
    }
    arena.fail("use of a pointer that is no block in use", pointer);
    return nullptr;
}

template <HeapConfig Config>
std::size_t LocalHeap<Config>::usable_bytes(Arena& arena, void const* pointer) {
    if (pointer == nullptr) {
        return 0;
    }
    auto const* const unit = unit_of_block(arena, pointer);
    if (unit == nullptr) {
        return 0;
    }
    return unit->kind == UnitKind::slab ? class_bytes(unit->size_class) : arena.large_bytes(*unit);
}

template <HeapConfig Config>
void* LocalHeap<Config>::reallocate(Arena& arena, void* pointer, std::size_t bytes) {
    if (pointer == nullptr) {
        return allocate(arena, bytes);
    }
    auto* const unit = unit_of_block(arena, pointer);
    if (unit == nullptr || bytes > max_request - max_alignment) {
        return nullptr;
    }
    std::size_t old_bytes = 0;
    if (unit->kind == UnitKind::slab) {
        old_bytes = class_bytes(unit->size_class);
        if (bytes <= small_limit && may_serve(unit->size_class, class_of(bytes))) {
            return pointer;
        }
    } else {
        auto const index = arena.runs().index_of(*unit);
        old_bytes = arena.large_bytes(*unit);
        if (bytes > small_limit && !unit->is_sample && arena.resize_large(index, bytes)) {
            return pointer;
        }
        if (bytes >= least_moved && old_bytes >= least_moved && !unit->is_sample) {
            if (void* const moved = arena.move_large(index, bytes)) {
                return moved;
            }
        }
    }
    void* const moved = allocate(arena, bytes);
    if (moved != nullptr) {
        std::memcpy(moved, pointer, std::min(bytes, old_bytes));
        free(arena, pointer);
    }
    return moved;
}

}  // namespace slab
