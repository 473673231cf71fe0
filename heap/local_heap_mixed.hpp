// When slabs become mixed units, and when blocks of those come before new pages. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

#include <algorithm>
#include <cstdint>

namespace slab {

// None for what cannot be of a mixed unit.
template <HeapConfig Config>
constexpr std::uint64_t LocalHeap<Config>::wanted_bit(std::size_t size_class) {
    static_assert(fine_classes - 1 <= 64);
    return !is_coarse(size_class) && size_class != 0 ? std::uint64_t{1} << (size_class - 1) : 0;
}

// When the heap has grown: slabs of which at most a fifth is in use, of classes that did without the rest meanwhile.
template <HeapConfig Config>
void LocalHeap<Config>::mix_slabs(Arena& arena) {
    constexpr std::size_t little = unit_bytes / 5;
    auto* const units = arena.runs().units();
    for (std::size_t size_class = 1; size_class != fine_classes; ++size_class) {
        auto& list = partial_[size_class];
        for (auto index = (wanted_bit(size_class) & wanted_) == 0 ? list.first() : 0; index != 0;) {
            auto& slab = units[index];
            index = slab.next;
            arena.collect(slab);
            if (slab.used() != 0 && slab.used() * class_bytes(size_class) <= little) {
                mix(arena, list, slab);
            }
        }
    }
    wanted_ = 0;
}

// Not, if some of its blocks are in nobody's list yet, or there is no memory for that.
template <HeapConfig Config>
void LocalHeap<Config>::mix(Arena& arena, UnitList& list, Unit& slab) {
    arena.begin_use(slab);
    auto const is_free = blocks_that_look_free(arena, slab);
    if (slab.used() == 0 ||
        is_free.count() + slab.used() + absent_blocks(arena, slab) != slab.carved) {
        return slab.end_use();
    }
    auto* const units = arena.runs().units();
    auto const index = arena.runs().index_of(slab);
    list.remove(units, index);
    if (arena.mix(slab, is_free)) {
        forget(slab.size_class);
    } else {
        slab.end_use();
        list.push(units, index);
    }
}

// A list for the class of a slab whose next blocks would be of a new page. Blocks of mixed units take longer to get, and
// to free. So they come before new pages, but not for ever: what is made and dropped all the time comes to have pages of
// its own.
template <HeapConfig Config>
bool LocalHeap<Config>::take_mixed(Arena& arena, Unit const& slab) {
    constexpr std::uint32_t most = std::uint32_t{1} << 20;
    constexpr std::size_t most_at_once = page_bytes;
    if (!arena.has_mixed() || wanted_bit(slab.size_class) == 0 || from_mixed_ >= most ||
        !needs_new_page(arena, slab)) {
        return false;
    }
    auto const bytes = class_bytes(slab.size_class);
    auto const [first, blocks] =
        arena.take_mixed(bytes, static_cast<std::uint32_t>(most_at_once / bytes));
    if (blocks == 0) {
        return false;
    }
    from_mixed_ += static_cast<std::uint32_t>(blocks * bytes);
    count_taken(blocks);
    heads_[slab.size_class] = word_at(first);
    return true;
}
// Gives a block of a class's list back if it is one of a mixed unit.
template <HeapConfig Config>
bool LocalHeap<Config>::put_mixed(Arena& arena, std::uintptr_t block) {
    if constexpr (Arena::mixes) {
        if (auto* const unit = arena.unit_at(block);
            unit != nullptr && unit->kind == UnitKind::mixed) {
            mark_used(word_at(block));
            free_mixed(arena, *unit, block, {});
            return true;
        }
    }
    return false;
}
template <HeapConfig Config>
void LocalHeap<Config>::count_new_pages(std::uint32_t pages) {
    constexpr std::uint32_t mixed_a_page = 16 * page_bytes;
    from_mixed_ -= std::min(from_mixed_, pages * mixed_a_page);
}

// Whether a slab without free blocks gets its next ones from a page that it does not hold.
template <HeapConfig Config>
bool LocalHeap<Config>::needs_new_page(Arena const& arena, Unit const& slab) const {
    return slab.absent_pages() != 0 ||
           (slab.carved != slab.capacity() &&
            !arena.runs().is_committed(arena.runs().index_of(slab), pages_up_to_next(arena, slab)));
}

}  // namespace slab
