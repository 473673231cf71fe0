// What a hardened heap looks at. Included by hardened_heap.hpp.
#pragma once

#include "heap/hardened_heap.hpp"

#include <algorithm>
#include <cstring>

namespace slab {

template <HeapConfig Config>
    requires is_hardened<Config>
auto HardenedHeap<Config>::find(Arena& arena, void const* pointer) -> std::optional<Block> {
    auto const address = reinterpret_cast<std::uintptr_t>(pointer);
    auto* const unit = arena.head_at(address);
    if (unit == nullptr) {
        return arena.fail(not_ours, pointer), std::nullopt;
    }
    if (unit->kind == UnitKind::slab) {
        return find_small(arena, *unit, address);
    }
    if (unit->kind != UnitKind::large) {
        return arena.fail(no_block, pointer), std::nullopt;
    }
    if (arena.memory_of(*unit) != address) {
        return arena.fail(into_the_middle, pointer), std::nullopt;
    }
    Block const block{unit, address, {unit->free, static_cast<Origin>(unit->bias)}};
    if (!has_canary(arena, block)) {
        arena.fail(written_behind, pointer);
    }
    return block;
}

template <HeapConfig Config>
    requires is_hardened<Config>
auto HardenedHeap<Config>::find_small(Arena& arena, Unit& slab, std::uintptr_t address)
    -> std::optional<Block> {
    auto const* const pointer = reinterpret_cast<void const*>(address);
    if (!Arena::is_block(slab, address)) {
        return arena.fail(into_the_middle, pointer), std::nullopt;
    }
    auto const size = class_bytes(slab.size_class);
    if (address < arena.first_block(slab) ||
        (address - arena.first_block(slab)) / size >= slab.carved) {
        return arena.fail(no_block, pointer), std::nullopt;
    }
    auto const tag = tag_of(arena, slab, address).read();
    if (!tag || tag->bytes + tag_bytes > size) {
        // How long it was is lost, and so is the block.
        return arena.fail(written_behind, pointer), std::nullopt;
    }
    if (tag->origin == Origin::none) {
        return arena.fail(double_free, pointer), std::nullopt;
    }
    Block const block{&slab, address, *tag};
    if (!has_canary(arena, block)) {
        arena.fail(written_behind, pointer);
    }
    if (!is_whole_before(arena, slab, address)) {
        arena.fail(written_before, pointer);
    }
    return block;
}

// The word before a block is the tag of the one before it, in use or free; where none fits, out of reach.
template <HeapConfig Config>
    requires is_hardened<Config>
bool HardenedHeap<Config>::is_whole_before(Arena const& arena, Unit const& slab,
                                           std::uintptr_t address) const {
    return address - arena.memory_of(slab) < tag_bytes ||
           tag_of(arena, slab, address - class_bytes(slab.size_class)).read().has_value();
}

template <HeapConfig Config>
    requires is_hardened<Config>
bool HardenedHeap<Config>::is_as_freed(Arena& arena, Block const& block, Freed freed) {
    auto const* const pointer = reinterpret_cast<void const*>(block.address);
    if (freed.origin != block.tag.origin) {
        return arena.fail(wrong_origin, pointer), false;
    }
    if (freed.bytes && *freed.bytes != block.tag.bytes) {
        return arena.fail(wrong_size, pointer), false;
    }
    if (block.address % freed.alignment != 0) {
        return arena.fail(wrong_alignment, pointer), false;
    }
    return true;
}

template <HeapConfig Config>
    requires is_hardened<Config>
auto HardenedHeap<Config>::canary_of(Block const& block) -> Span {
    auto const room = block.unit->kind == UnitKind::slab
                          ? class_bytes(block.unit->size_class) - tag_bytes
                          : whole_pages(block.tag.bytes) * page_bytes;
    return {block.tag.bytes, std::min(room, block.tag.bytes + most_canary_bytes)};
}

template <HeapConfig Config>
    requires is_hardened<Config>
bool HardenedHeap<Config>::has_canary(Arena const& arena, Block const& block) const {
    auto const [first, last] = canary_of(block);
    auto const* const bytes = reinterpret_cast<unsigned char const*>(block.address);
    auto const expected = canary_byte(arena);
    return std::all_of(bytes + first, bytes + last,
                       [=](unsigned char byte) { return byte == expected; });
}

// Writes down what was asked for, and the canary behind it.
template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::mark(Arena const& arena, Block const& block) const {
    auto const [first, last] = canary_of(block);
    std::memset(reinterpret_cast<void*>(block.address + first), canary_byte(arena), last - first);
    if (block.unit->kind == UnitKind::slab) {
        tag_of(arena, *block.unit, block.address).write(block.tag);
    } else {
        block.unit->free = block.tag.bytes;
        block.unit->bias = static_cast<std::uint32_t>(block.tag.origin);
    }
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::check(Arena& arena) {
    quarantine_.for_each([&](std::size_t size_class, std::uintptr_t place) {
        auto const* const words = reinterpret_cast<std::uint64_t const*>(place);
        auto const* const end = words + (class_bytes(size_class) - tag_bytes) / sizeof(*words);
        if (std::any_of(words, end, [](std::uint64_t word) { return word != 0; })) {
            arena.fail(written_after_free, words);
        }
    });
}

}  // namespace slab
