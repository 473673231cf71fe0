// What a thread's heap does now and then, and what it says about itself. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

namespace slab {

template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::at_hand(Arena const& arena, std::size_t size_class) const {
    std::uint32_t count = 0;
    if (is_coarse(size_class)) {
        auto const* const hand = hand_of(arena);
        return hand != nullptr ? hand->count(size_class) : 0;
    }
    for (auto* block = heads_[size_class]; block != nothing(); ++count) {
        auto const step = arena.key().step(address_of(block));
        block = LinkKey::leads_on(step) ? word_at(address_of(block) ^ step) : nothing();
    }
    return count;
}

template <HeapConfig Config>
template <typename Visit>
void LocalHeap<Config>::for_each_free(Arena& arena, Visit visit) const {
    auto* const units = arena.runs().units();
    auto const follow = [&](Unit const& slab, std::uintptr_t block) {
        // A circle is no list either.
        for (auto left = slab.capacity(); block != 0 && block != arena.end_mark(slab); --left) {
            auto const next = arena.next_of(slab, block);
            if (left == 0 || next == 0) {
                return arena.fail(corrupted, reinterpret_cast<void const*>(block));
            }
            visit(slab, block);
            block = next;
        }
    };
    auto const follow_all = [&](std::uint32_t index) {
        auto const freed = units[index].remote.load(std::memory_order_acquire);
        if (Arena::have_gone(freed)) {
            return;
        }
        follow(units[index], units[index].free);
        if (!freed.is_none()) {
            follow(units[index], freed.first(arena.memory_of(units[index])));
        }
    };
    for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
        if (auto const index = current_[size_class]; index != 0) {
            if (!is_coarse(size_class) && heads_[size_class] != nothing()) {
                follow(units[index], address_of(heads_[size_class]));
            }
            follow_all(index);
        }
        if (auto const* const hand = hand_of(arena); hand != nullptr && is_coarse(size_class)) {
            hand->for_each(size_class,
                           [&](std::uintptr_t block) { visit(*arena.head_at(block), block); });
        }
        for (auto const& list : {partial_[size_class], full_[size_class]}) {
            for (auto index = list.first(); index != 0; index = units[index].next) {
                follow_all(index);
            }
        }
    }
}

// Now and then; every second all that is not in use.
template <HeapConfig Config>
void LocalHeap<Config>::tidy_up(Arena& arena) {
    constexpr std::uint32_t ticks_a_trim = 10;
    auto const time = arena.now();
    if (time == tidied_at_) {
        return;
    }
    tidied_at_ = time;
    remote_.flush(arena);
    if (trimmed_at_ == 0) {
        trimmed_at_ = time;  // the first look
    } else if (time - trimmed_at_ >= (arena.is_short() ? 1 : ticks_a_trim)) {
        trimmed_at_ = time;
        trim(arena);
    }
    arena.purge();  // what was found free now, too: since somebody last looked
}

template <HeapConfig Config>
void LocalHeap<Config>::trim(Arena& arena) {
    remote_.flush(arena);
    demand_ = {};
    for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
        auto& partial = partial_[size_class];
        if (auto const index = put_down(arena, size_class); index != 0) {
            partial.push_back(arena.runs().units(), index);
        }
        collect_full(arena, size_class);
        for (auto index = partial.first(); index != 0;) {
            auto& slab = arena.runs().unit(index);
            auto const next = slab.next;
            arena.collect(slab);
            if (slab.used() == 0) {
                partial.remove(arena.runs().units(), index);
                put(arena, index);
            }
            index = next;
        }
    }
    release_pages(arena);
    if constexpr (Arena::mixes) {
        arena.release_pages_of_mixed();
    }
}

}  // namespace slab
