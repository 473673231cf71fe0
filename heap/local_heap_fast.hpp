// The fast ways: blocks at hand, and blocks of one's own slabs that are freed. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

namespace slab {

template <HeapConfig Config>
template <typename Slow>
void* LocalHeap<Config>::allocate(LocalHeap& heap, Arena const& arena, std::size_t bytes, Slow slow,
                                  std::size_t end) {
    if (bytes >= end) [[unlikely]] {
        return slow(bytes);
    }
    auto& head = heap.heads_.data()[heap.serving_fine(bytes)];
    auto* const block = head;
    auto const step = arena.key().step(address_of(block));
    if (!LinkKey::leads_on(step)) [[unlikely]] {
        return slow(bytes);
    }
    auto* const next = word_at(address_of(block) ^ step);
    __builtin_prefetch(next);  // it is looked at next time, and may have been free for long
    head = next;
    mark_used(block);
    return block;
}

template <HeapConfig Config>
template <typename Slow, typename Changed, typename Fits>
void LocalHeap<Config>::free_below(std::uintptr_t metadata_end, Arena const& arena, void* pointer,
                                   Slow slow, Changed changed, Fits fits) {
    auto const address = address_of(pointer);
    auto const metadata = arena.metadata_of(address);
    if (metadata >= metadata_end) [[unlikely]] {
        return slow(pointer);
    }
    auto& slab = arena.unit_of(metadata);
    if (!Arena::is_own_block(slab, address)) [[unlikely]] {
        return slow(pointer);
    }
    // What the block is to say; what it says differs from that by little more than the distance of two free
    // blocks, if it is one.
    auto const link = arena.key().link_of(address, slab.free);
    if (has_checks && (LinkKey::is_free(*word_at(address) ^ link) || !fits(slab))) [[unlikely]] {
        return slow(pointer);
    }
    *word_at(address) = link;
    slab.free = address;
    if (slab.count_freed()) [[unlikely]] {
        changed(slab);
    }
}

template <HeapConfig Config>
template <typename Fits>
Unit* LocalHeap<Config>::slab_at(Arena const& arena, void const* pointer, Fits fits) {
    auto const address = address_of(pointer);
    auto* const slab = arena.head_at(address);
    bool const is_block = slab != nullptr && slab->kind == UnitKind::slab &&
                          Arena::is_block(*slab, address) && !arena.looks_free(*slab, address) &&
                          fits(*slab);
    return is_block ? slab : nullptr;
}

template <HeapConfig Config>
bool LocalHeap<Config>::give_known(Arena const& arena, Unit& slab, void* pointer) {
    auto const address = address_of(pointer);
    arena.key().link(address, slab.free);
    slab.free = address;
    return slab.count_freed();
}

template <HeapConfig Config>
void LocalHeap<Config>::free_known(Arena& arena, Unit& slab, void* pointer) {
    if (!Arena::is_own_block(slab, address_of(pointer))) {
        free_remote(arena, slab, address_of(pointer));
    } else if (give_known(arena, slab, pointer)) {
        slab_changed(arena, slab);
    }
}

template <HeapConfig Config>
void* LocalHeap<Config>::take_fine(Arena const& arena, std::size_t size_class) {
    auto* const block = heads_.data()[size_class];
    auto const step = arena.key().step(address_of(block));
    if (!LinkKey::leads_on(step)) [[unlikely]] {
        return nullptr;
    }
    heads_.data()[size_class] = word_at(address_of(block) ^ step);
    mark_used(block);
    return block;
}

template <HeapConfig Config>
void* LocalHeap<Config>::take_coarse(Arena const& arena, std::size_t size_class) {
    if (auto* const hand = hand_of(arena); hand != nullptr && hand->count(size_class) != 0) {
        if (count_coarse() < 0) [[unlikely]] {
            return nullptr;
        }
        auto* const block = word_at(hand->take_last(size_class));
        mark_used(block);
        return block;
    }
    auto const index = current_.data()[size_class];
    if (index == 0 || count_coarse() < 0) [[unlikely]] {
        return nullptr;
    }
    return pop(arena, index);
}

template <HeapConfig Config>
void* LocalHeap<Config>::pop(Arena const& arena, std::uint32_t index) {
    auto& slab = arena.runs().unit(index);
    if (Arena::is_end(index, slab.free)) [[unlikely]] {
        return nullptr;
    }
    auto* const block = word_at(slab.free);
    auto const step = arena.key().step(slab.free);
    if (!LinkKey::is_free(step)) [[unlikely]] {
        return nullptr;
    }
    slab.free ^= step;
    ++slab.until_change;
    mark_used(block);
    return block;
}

template <HeapConfig Config>
void* LocalHeap<Config>::take_ending(Arena& arena, std::size_t size_class) {
    auto& head = heads_.data()[size_class];
    if (until_look_ < 0) [[unlikely]] {
        if (arena.now() != tidied_at_) {
            return nullptr;
        }
        until_look_ = blocks_a_look;
    }
    if (head == nothing() && !refill_at_hand(arena, size_class)) [[unlikely]] {
        return nullptr;
    }
    auto* const block = head;
    auto const step = arena.key().step(address_of(block));
    auto const next = address_of(block) ^ step;
    auto& slab = arena.runs().unit(current_.data()[size_class]);
    if (LinkKey::leads_on(step)) {
        head = word_at(next);
    } else if (next != arena.end_mark(slab)) [[unlikely]] {
        return nullptr;
    } else if (has_list_at_hand(slab, size_class)) {  // so the next one is not here again
        take_list(slab, size_class, next, slab.carved);
    } else {
        head = nothing();
        refill_at_hand(arena, size_class);
    }
    mark_used(block);
    return block;
}

}  // namespace slab
