// Larger blocks at hand: see coarse_hand.hpp. Each is of a full slab, which counts it as in use. Included by
// local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

namespace slab {

// Null if there is no memory for it.
template <HeapConfig Config>
CoarseHand* LocalHeap<Config>::make_hand(Arena& arena) {
    void* const memory = arena.allocate_own(sizeof(CoarseHand));
    if (memory == nullptr) {
        return nullptr;
    }
    hand_ = arena.runs().index_of(*arena.unit_at(address_of(memory)));
    return std::construct_at(static_cast<CoarseHand*>(memory));
}

// The block that a full slab got back last. Not, if there are enough at hand, or if all others of the slab are, so that
// it can be given back.
template <HeapConfig Config>
bool LocalHeap<Config>::put_at_hand(Arena& arena, Unit& slab) {
    if constexpr (Arena::mixes) {
        auto const size_class = slab.size_class;
        if (!is_coarse(size_class)) {
            return false;
        }
        auto* const hand = hand_ != 0 ? hand_of(arena) : make_hand(arena);
        auto const block = slab.free;
        if (hand == nullptr ||
            hand->count_in(size_class, arena.memory_of(slab), slab_bytes(size_class)) ==
                slab.used() ||
            !hand->put(size_class, block)) {
            return false;
        }
        slab.free ^= arena.key().step(block);
        ++slab.until_change;
        return true;
    }
    return false;
}

// The slab has its blocks back, and counts them as free.
template <HeapConfig Config>
void LocalHeap<Config>::take_from_hand(Arena& arena, Unit& slab) {
    auto* const hand = hand_of(arena);
    if (hand == nullptr || !is_coarse(slab.size_class)) {
        return;
    }
    hand->remove_in(slab.size_class, arena.memory_of(slab), slab_bytes(slab.size_class),
                    [&](std::uintptr_t block) {
                        arena.key().link(block, slab.free);
                        slab.free = block;
                        slab.count_freed();
                    });
}

}  // namespace slab
