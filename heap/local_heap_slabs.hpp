// Which slab a class takes from next, and what becomes of those that are full, empty, or whose thread ends.
// Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"

#include <utility>

namespace slab {

template <HeapConfig Config>
void LocalHeap<Config>::let_go(Arena& arena, Unit& slab) {
    auto const free = slab.carved - slab.used();
    slab.become_full(free >= frees_until_useful(slab.size_class, Patience::little) ||
                             has_many_slabs(slab.size_class)
                         ? Patience::much
                         : Patience::little,
                     free);
    full_[slab.size_class].push(arena.runs().units(), arena.runs().index_of(slab));
}

// The reverse, for a slab that is in no list then.
template <HeapConfig Config>
void LocalHeap<Config>::take_back(Arena& arena, Unit& slab) {
    full_[slab.size_class].remove(arena.runs().units(), arena.runs().index_of(slab));
    slab.become_partial();
    take_from_hand(arena, slab);
}

// For a class of which no slab of this thread is known to have free blocks; 0 if there is no memory.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::slab_from_others(Arena& arena, std::size_t size_class) {
    if (auto const index = find_freed_by_others(arena, size_class); index != 0) {
        return index;
    }
    if (auto const index = adopt(arena, size_class); index != 0) {
        return index;
    }
    if constexpr (!is_hardened<Config>) {  // whose slabs are their class's for ever
        give_empty_back(arena);
    }
    release_pages_if_grown(arena);
    auto const index = arena.make_slab(size_class, Config::self());
    if (index == 0) {
        return 0;
    }
    ++slabs_[size_class];
    return index;
}

template <HeapConfig Config>
void LocalHeap<Config>::make_current(Arena& arena, std::uint32_t index) {
    auto& slab = arena.runs().unit(index);
    current_[slab.size_class] = index;
    arena.begin_use(slab);
}

// Where the source has no more pages, full slabs with a few free blocks must do.
template <HeapConfig Config>
bool LocalHeap<Config>::use_any_free(Arena& arena, std::size_t size_class) {
    auto& full = full_[size_class];
    auto* const units = arena.runs().units();
    for (auto index = full.first(); index != 0; index = units[index].next) {
        auto& slab = units[index];
        if (slab.free != arena.end_mark(slab) || slab.has_freed_by_others()) {
            take_back(arena, slab);
            if (auto const other = current_[size_class]; other != 0) {
                units[other].end_use();
                partial_[size_class].push_back(units, other);
            }
            make_current(arena, index);
            return use_free(arena, slab) || use_remote(arena, slab);
        }
    }
    return false;
}

// A look at some of the full slabs, in turn: others may have freed blocks of them. Such a one is in no list then; 0: none
// of those is.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::find_freed_by_others(Arena& arena, std::size_t size_class,
                                                      unsigned most_looks) {
    auto& full = full_[size_class];
    if (full.first() == 0 || !arena.gave_remote()) {
        return 0;
    }
    auto* const units = arena.runs().units();
    for (unsigned looks = 0; looks < most_looks; ++looks) {
        auto const index = full.first();
        if (units[index].has_freed_by_others()) {
            take_back(arena, units[index]);
            return index;
        }
        full.remove(units, index);
        full.push_back(units, index);
    }
    return 0;
}

// Slabs of threads that have ended are tried before new ones are made.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::adopt(Arena& arena, std::size_t size_class) {
    if (!arena.has_abandoned()) {
        return 0;
    }
    constexpr unsigned most_adopted = 8;
    for (unsigned adopted = 0; adopted < most_adopted; ++adopted) {
        auto const index = arena.adopt(size_class, Config::self());
        if (index == 0) {
            return 0;
        }
        ++slabs_[size_class];
        auto& slab = arena.runs().unit(index);
        arena.collect(slab);
        if (slab.used() != slab.capacity()) {
            return index;
        }
        let_go(arena, slab);
    }
    return 0;
}

template <HeapConfig Config>
void LocalHeap<Config>::slab_changed(Arena& arena, Unit& slab) {
    if (!slab.is_full || !put_at_hand(arena, slab)) {
        move(arena, slab);
    }
}
template <HeapConfig Config>
void LocalHeap<Config>::move(Arena& arena, Unit& slab) {
    auto* const units = arena.runs().units();
    auto const index = arena.runs().index_of(slab);
    auto& partial = partial_[slab.size_class];
    if (slab.is_full) {
        take_back(arena, slab);
        partial.push(units, index);
        if (slab.used() != 0) {
            return;
        }
    }
    // One empty slab of a class is kept, for when its blocks come and go at the edge of a slab.
    if (partial.first() == index && slab.next == 0) {
        if constexpr (!is_hardened<Config>) {
            if (is_coarse(slab.size_class) && ++kept_ == most_kept) {
                give_empty_back(arena);
            }
        }
        return;
    }
    partial.remove(units, index);
    put(arena, index);
}

// The empty slabs that classes have kept, those that classes without lists take from, and full ones that others have
// emptied: before a new one is made.
template <HeapConfig Config>
void LocalHeap<Config>::give_empty_back(Arena& arena) {
    auto const is_empty = [&](std::uint32_t index) { return arena.runs().unit(index).used() == 0; };
    bool const gave_remote = arena.gave_remote();
    kept_ = 0;
    for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
        if (gave_remote) {
            collect_first_full(arena, size_class);
        }
        if (auto& partial = partial_[size_class]; partial.first() != 0) {
            auto* const units = arena.runs().units();
            // It was the only one; what came later is before it.
            if (auto const index = partial.last(units); is_empty(index)) {
                partial.remove(units, index);
                put(arena, index);
            }
        }
        auto& current = current_[size_class];
        if (is_coarse(size_class) && current != 0 && is_empty(current)) {
            arena.runs().unit(current).until_change = 0;
            put(arena, std::exchange(current, 0));
        }
    }
}

// A look at a full slab of a class, in turn. One whose blocks others have freed serves again, or goes back.
template <HeapConfig Config>
void LocalHeap<Config>::collect_first_full(Arena& arena, std::size_t size_class) {
    if (auto const index = find_freed_by_others(arena, size_class, 1); index != 0) {
        collect_taken_back(arena, index);
    }
}
// The same for all of them.
template <HeapConfig Config>
void LocalHeap<Config>::collect_full(Arena& arena, std::size_t size_class) {
    if (!arena.gave_remote()) {
        return;
    }
    auto* const units = arena.runs().units();
    for (auto index = full_[size_class].first(); index != 0;) {
        auto const next = units[index].next;
        if (units[index].has_freed_by_others()) {
            take_back(arena, units[index]);
            collect_taken_back(arena, index);
        }
        index = next;
    }
}
template <HeapConfig Config>
void LocalHeap<Config>::collect_taken_back(Arena& arena, std::uint32_t index) {
    auto& slab = arena.runs().unit(index);
    auto const size_class = slab.size_class;
    arena.collect(slab);
    if (slab.used() == 0) {
        put(arena, index);
    } else if (slab.carved - slab.used() < frees_until_useful(size_class, Patience::little)) {
        let_go(arena, slab);
    } else {
        partial_[size_class].push_back(arena.runs().units(), index);
    }
}

// A slab in no list goes back.
template <HeapConfig Config>
void LocalHeap<Config>::put(Arena& arena, std::uint32_t index) {
    auto const& slab = arena.runs().unit(index);
    count_given(slab.run_units);
    forget(slab.size_class);
    arena.put(index);
}

// A class has a slab less.
template <HeapConfig Config>
void LocalHeap<Config>::forget(std::size_t size_class) {
    --slabs_[size_class];
    // What the class's group has grown by was not needed for long.
    for (auto member = size_class; member != 0 && groups[member] == size_class; --member) {
        demand_[member] = 0;
    }
}

// The blocks of a class's list go back to their slab, which is current no more and in no list. Its
// index; 0 if the class had none.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::put_down(Arena& arena, std::size_t size_class) {
    auto const index = current_[size_class];
    if (index == 0) {
        return 0;
    }
    auto& slab = arena.runs().unit(index);
    if (!is_coarse(size_class)) {
        auto* block = std::exchange(heads_[size_class], nothing());
        while (block != nothing()) {
            auto const address = address_of(block);
            auto const step = arena.key().step(address);
            block = LinkKey::leads_on(step) ? word_at(address ^ step) : nothing();
            if (!put_mixed(arena, address)) {
                arena.key().link(address, slab.free);
                slab.free = address;
                --slab.until_change;
            }
        }
    }
    current_[size_class] = 0;
    slab.end_use();
    return index;
}

template <HeapConfig Config>
void LocalHeap<Config>::set_aside(Arena& arena, std::size_t size_class) {
    if (auto const index = put_down(arena, size_class); index != 0) {
        partial_[size_class].push(arena.runs().units(), index);
    }
}

// A slab in no list is no longer this thread's.
template <HeapConfig Config>
void LocalHeap<Config>::leave(Arena& arena, std::uint32_t index) {
    auto& slab = arena.runs().unit(index);
    arena.collect(slab);
    --slabs_[slab.size_class];
    arena.abandon(index);
}

// Full slabs first: whoever comes next takes them in this order, and learns of what is freed there.
template <HeapConfig Config>
void LocalHeap<Config>::abandon(Arena& arena) {
    remote_.flush(arena);
    auto* const units = arena.runs().units();
    for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
        for (auto index = full_[size_class].first(); index != 0;
             index = full_[size_class].first()) {
            take_back(arena, units[index]);
            leave(arena, index);
        }
        for (auto index = partial_[size_class].first(); index != 0;
             index = partial_[size_class].first()) {
            partial_[size_class].remove(units, index);
            leave(arena, index);
        }
        if (auto const index = put_down(arena, size_class); index != 0) {
            leave(arena, index);
        }
    }
    if (hand_ != 0) {
        arena.put(std::exchange(hand_, 0));
    }
}

}  // namespace slab
