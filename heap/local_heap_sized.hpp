// Frees that are told how long the block is. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

namespace slab {

inline constexpr auto fine_reciprocals = [] {
    std::array<std::uint64_t, fine_classes> all{};
    for (std::size_t i = 0; i < fine_classes; ++i) {
        all[i] = reciprocal(class_bytes(i));
    }
    return all;
}();

// Whose list begins in the block's own unit is the class of that: the block becomes the list's first one, and nobody
// looks at the unit. To it the block stays in use, as all in the list do.
template <HeapConfig Config>
template <typename Slow>
[[gnu::always_inline]] inline void LocalHeap<Config>::free_sized(LocalHeap& heap,
                                                                 Arena const& arena, void* pointer,
                                                                 std::size_t bytes, Slow slow,
                                                                 std::size_t end) {
    if (Arena::mixes || bytes >= end) [[unlikely]] {  // a mixed unit is of many classes
        return slow(pointer);
    }
    auto const address = address_of(pointer);
    auto const size_class = heap.serving_fine(bytes);
    auto& head = heap.heads_.data()[size_class];
    if ((address_of(head) ^ address) >= unit_bytes) [[unlikely]] {
        return slow(pointer);
    }
    // What an empty list looks at has neighbours that are no blocks.
    if (has_checks && head == nothing()) [[unlikely]] {
        return slow(pointer);
    }
    auto const distance = (~address & (unit_bytes - 1)) + 1;  // see Arena::is_block()
    auto const link = arena.key().link_of(address, address_of(head));
    if (has_checks && (distance * fine_reciprocals[size_class] >= most_of_multiple ||
                       LinkKey::is_free(*word_at(address) ^ link))) [[unlikely]] {
        return slow(pointer);
    }
    // When the clock is due the list runs out, so that somebody looks at it.
    if (HasClock<typename Config::Source> && --heap.until_look_ < 0) [[unlikely]] {
        return slow(pointer);
    }
    *word_at(address) = link;
    head = word_at(address);
}

template <HeapConfig Config>
void LocalHeap<Config>::free_sized_slow(Arena& arena, void* pointer, std::size_t bytes) {
    free(
        arena, pointer, [&](void* other) { free_slow(arena, other, {.bytes = bytes}); },
        [&](Unit& slab) { slab_changed(arena, slab); },
        [&](Unit const& slab) {
            return bytes <= small_limit && may_serve(slab.size_class, class_of(bytes));
        });
}

}  // namespace slab
