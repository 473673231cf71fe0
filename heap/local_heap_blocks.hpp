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

// A block in use: the first unit of what it lies in, and what it can hold. None, and a report, for any other pointer.
template <HeapConfig Config>
auto LocalHeap<Config>::block_at(Arena& arena, void const* pointer) -> Block {
    auto const address = address_of(pointer);
    auto* const unit = arena.head_at(address);
    if (unit != nullptr) {
        if (unit->kind == UnitKind::large && arena.memory_of(*unit) == address) {
            return {unit, arena.large_bytes(*unit)};
        }
        if (unit->kind == UnitKind::slab && Arena::is_block(*unit, address) &&
            !arena.looks_free(*unit, address)) {
            return {unit, class_bytes(unit->size_class)};
        }
        if constexpr (Arena::mixes) {
            if (unit->kind == UnitKind::mixed &&
                !(has_checks && LinkKey::is_free(arena.key().step(address)))) {
                if (auto const bytes = arena.mixed_bytes(*unit, address); bytes != 0) {
                    return {unit, bytes};
                }
            }
        }
    }
    arena.fail(not_in_use, pointer);
    return {nullptr, 0};
}

template <HeapConfig Config>
std::size_t LocalHeap<Config>::usable_bytes(Arena& arena, void const* pointer) {
    return pointer != nullptr ? block_at(arena, pointer).bytes : 0;
}

template <HeapConfig Config>
void* LocalHeap<Config>::reallocate(Arena& arena, void* pointer, std::size_t bytes) {
    if (pointer == nullptr) {
        return allocate(arena, bytes);
    }
    auto const [unit, old_bytes] = block_at(arena, pointer);
    if (unit == nullptr || bytes > max_request - max_alignment) {
        return nullptr;
    }
    if (unit->kind != UnitKind::large) {
        if (bytes <= small_limit && may_serve(class_of(old_bytes), class_of(bytes))) {
            return pointer;
        }
    } else {
        auto const index = arena.runs().index_of(*unit);
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
