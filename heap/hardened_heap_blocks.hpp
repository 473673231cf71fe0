// How a hardened heap's blocks come and go. Included by hardened_heap.hpp.
#pragma once

#include "heap/hardened_heap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace slab {

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::allocate(Arena& arena, std::size_t alignment, std::size_t bytes,
                                     Origin origin) {
    if (!std::has_single_bit(alignment) || alignment > max_alignment || bytes > max_request) {
        return nullptr;
    }
    Tag const tag{bytes, origin};
    auto const size_class = class_of_aligned(alignment, bytes + tag_bytes);
    return size_class ? allocate_small(arena, *size_class, tag)
                      : allocate_large(arena, alignment, tag);
}

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::allocate_small(Arena& arena, std::size_t size_class, Tag tag) {
    auto* const words = static_cast<std::uint64_t*>(heap_.take(arena, size_class));
    if (words == nullptr) {
        return nullptr;
    }
    auto const address = reinterpret_cast<std::uintptr_t>(words);
    auto const size = class_bytes(size_class);
    std::uint64_t written = 0;
    for (std::size_t i = 1; i < (size - tag_bytes) / sizeof(*words); ++i) {
        written |= words[i];
    }
    auto const found = TagOf(arena.key(), address, size).read();
    if (written != 0 || !found || found->origin != Origin::none) {
        arena.fail(written_after_free, words);
        std::memset(words, 0, size);
    }
    mark(arena, {arena.head_at(address), address, tag});
    return words;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::allocate_large(Arena& arena, std::size_t alignment, Tag tag) {
    bool zeroed = false;
    void* const memory =
        arena.allocate_large(std::max(tag.bytes, std::size_t{1}), alignment, zeroed);
    if (memory == nullptr) {
        return nullptr;
    }
    if (!zeroed) {
        std::memset(memory, 0, tag.bytes);
    }
    auto const address = reinterpret_cast<std::uintptr_t>(memory);
    mark(arena, {arena.head_at(address), address, tag});
    return memory;
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
    (void)is_as_freed(arena, *block, freed);
    if (block->unit->kind == UnitKind::slab) {
        free_small(arena, *block);
    } else {
        arena.put(arena.runs().index_of(*block->unit));
    }
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::free_small(Arena& arena, Block const& block) {
    std::memset(reinterpret_cast<void*>(block.address), 0, canary_of(block).last);
    tag_of(arena, *block.unit, block.address).write({});
    put_back(arena, quarantine_.exchange(block.unit->size_class, block.address));
}

// A block that has rested.
template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::put_back(Arena& arena, std::uintptr_t address) {
    if (address == 0) {
        return;
    }
    auto* const first = reinterpret_cast<std::uint64_t*>(address);
    if (*first != 0) {  // the others are looked at when the block is used again
        arena.fail(written_after_free, first);
        *first = 0;
    }
    heap_.free(arena, first);
}

template <HeapConfig Config>
    requires is_hardened<Config>
bool HardenedHeap<Config>::resize_in_place(Arena& arena, Block& block, std::size_t bytes) {
    bool const is_small = block.unit->kind == UnitKind::slab;
    if (is_small ? class_of_aligned(quantum, bytes + tag_bytes) != block.unit->size_class
                 : whole_pages(bytes) != whole_pages(block.tag.bytes)) {
        return false;
    }
    auto const last = canary_of(block).last;
    auto const kept = std::min(bytes, block.tag.bytes);
    std::memset(reinterpret_cast<void*>(block.address + kept), 0, last - kept);
    block.tag.bytes = bytes;
    mark(arena, block);
    return true;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::reallocate(Arena& arena, void* pointer, std::size_t bytes) {
    if (pointer == nullptr) {
        return allocate(arena, quantum, bytes, Origin::malloc);
    }
    auto block = find(arena, pointer);
    if (!block || bytes > max_request - max_alignment) {
        return nullptr;
    }
    (void)is_as_freed(arena, *block, {Origin::malloc});
    if (resize_in_place(arena, *block, bytes)) {
        return pointer;
    }
    auto const old_bytes = block->tag.bytes;
    if (block->unit->kind == UnitKind::large && bytes > old_bytes && old_bytes >= least_moved) {
        auto const [first, last] = canary_of(*block);
        std::memset(static_cast<char*>(pointer) + first, 0, last - first);
        void* const moved = arena.move_large(arena.runs().index_of(*block->unit), bytes);
        if (moved != nullptr) {
            auto const address = reinterpret_cast<std::uintptr_t>(moved);
            mark(arena, {arena.head_at(address), address, {bytes, Origin::malloc}});
            return moved;
        }
        mark(arena, *block);
    }
    void* const moved = allocate(arena, quantum, bytes, Origin::malloc);
    if (moved != nullptr) {
        std::memcpy(moved, pointer, std::min(bytes, old_bytes));
        free(arena, pointer, {block->tag.origin});
    }
    return moved;
}

template <HeapConfig Config>
    requires is_hardened<Config>
std::size_t HardenedHeap<Config>::usable_bytes(Arena& arena, void const* pointer) {
    auto const block = pointer != nullptr ? find(arena, pointer) : std::nullopt;
    return block ? block->tag.bytes : 0;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::abandon(Arena& arena) {
    quarantine_.for_each([&](std::size_t, std::uintptr_t& place) {
        put_back(arena, place);
        place = 0;
    });
    heap_.abandon(arena);
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::trim(Arena& arena) {
    heap_.trim(arena);
}

}  // namespace slab
