// What is wrong with a block of a hardened heap. Included by hardened_heap.hpp.
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
    Block const block{unit, address, unit->free, static_cast<Origin>(unit->size_class)};
    if (!has_large_canary(arena, block)) {
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
    auto const size = class_sizes[slab.size_class];
    auto const first = arena.first_block(slab);
    if (address < first || (address - first) / size >= slab.carved) {
        return arena.fail(no_block, pointer), std::nullopt;
    }
    TagPlace const place(arena.tag_key(), address, size);
    auto const tag = place.read();
    if (!tag.is_tag() || tag.bytes() + tag_bytes > size) {
        // How long it was is lost, and so is the block.
        return arena.fail(written_behind, pointer), std::nullopt;
    }
    if (tag.origin() == Origin::none) {
        return arena.fail(double_free, pointer), std::nullopt;
    }
    if (!Canary(arena.tag_key(), address, tag.bytes(), size).is_whole()) {
        arena.fail(written_behind, pointer);
    }
    if (!is_whole_before(arena, address, size)) {
        arena.fail(written_before, pointer);
    }
    return Block{&slab, address, tag.bytes(), tag.origin()};
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::check_freed(Arena& arena, Block const& block, Freed freed) {
    auto const* const pointer = reinterpret_cast<void const*>(block.address);
    if (freed.origin != block.origin) {
        arena.fail(wrong_origin, pointer);
    } else if (freed.knows_bytes() && freed.bytes != block.bytes) {
        arena.fail(wrong_size, pointer);
    } else if (!freed.is_aligned(block.address)) {
        arena.fail(wrong_alignment, pointer);
    }
}

template <HeapConfig Config>
    requires is_hardened<Config>
bool HardenedHeap<Config>::has_large_canary(Arena const& arena, Block const& block) const {
    auto const expected = arena.tag_key().canary;
    return std::memcmp(reinterpret_cast<void const*>(block.address + block.bytes), &expected,
                       canary_end(block.bytes) - block.bytes) == 0;
}

// A block to use that is not as it was left.
template <HeapConfig Config>
    requires is_hardened<Config>
void* HardenedHeap<Config>::clean(Arena& arena, std::uintptr_t address, Tag tag, std::size_t size) {
    auto* const block = reinterpret_cast<void*>(address);
    arena.fail(written_after_free, block);
    std::memset(block, 0, size - tag_bytes);
    mark(arena, address, tag, size);
    return block;
}

template <HeapConfig Config>
    requires is_hardened<Config>
void HardenedHeap<Config>::check(Arena& arena) {
    auto const check_tail = [&](std::size_t size_class, std::uintptr_t block, std::size_t from) {
        auto const size = class_sizes[size_class];
        auto const* const words = reinterpret_cast<std::uint64_t const*>(block);
        auto const* const tag = words + size / sizeof(*words) - 1;
        bool const is_zero =
            std::all_of(words + from, tag, [](std::uint64_t word) { return word == 0; });
        if (!is_zero || TagPlace(arena.tag_key(), block, size).read() != Tag{}) {
            arena.fail(written_after_free, words);
        }
    };
    quarantine_.for_each(
        [&](std::size_t size_class, std::uintptr_t block) { check_tail(size_class, block, 0); });
    heap_.for_each_free(arena, [&](Unit const& slab, std::uintptr_t block) {
        check_tail(slab.size_class, block, 1);  // the first word is the link
    });
    arena.check_resting();
}

}  // namespace slab
