// A thread heap's less frequent paths. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"
#include "heap/tag.hpp"

#include <utility>

namespace slab {

template <HeapConfig Config>
void* LocalHeap<Config>::allocate_slow(Arena& arena, std::size_t bytes) {
    if (bytes <= small_limit) {
        return take_served(arena, class_of(bytes));
    }
    arena.purge();
    bool zeroed = false;
    return arena.allocate_large(bytes, unit_bytes, zeroed);
}

// A class whose requests make its group grow so often within a second is one that is much used: it gets slabs of
// its own.
template <HeapConfig Config>
void* LocalHeap<Config>::take_served(Arena& arena, std::size_t size_class) {
    constexpr std::uint8_t much = 32;
    auto const serving = serving_[size_class];
    auto const carved_before = carved_;
    void* const block = take(arena, serving);
    if (serving != size_class && carved_ != carved_before && ++demand_[size_class] == much) {
        serving_[size_class] = static_cast<std::uint8_t>(size_class);
    }
    return block;
}

// The list does not lead on: it is at its last block, or there is none, or a program wrote into it.
template <HeapConfig Config>
void* LocalHeap<Config>::take_last(Arena& arena, std::size_t size_class) {
    if (until_look_ < 0) {
        until_look_ = blocks_a_look;
        tidy_up(arena);
    }
    if (is_coarse(size_class)) {
        return take_last_coarse(arena, size_class);
    }
    for (;;) {
        if (void* const block = take_fine(arena, size_class)) {
            return block;
        }
        if (void* const block = take_ending(arena, size_class)) {
            return block;
        }
        if (auto* const block = std::exchange(heads_[size_class], nothing()); block != nothing()) {
            auto const next = address_of(block) ^ arena.key().step(address_of(block));
            if (next == arena.end_mark(arena.runs().unit(current_[size_class]))) {
                mark_used(block);
                return block;
            }
            arena.fail(corrupted, block);
        } else if (!refill(arena, size_class)) {
            return nullptr;
        }
    }
}

template <HeapConfig Config>
void* LocalHeap<Config>::take_last_coarse(Arena& arena, std::size_t size_class) {
    for (;;) {
        if (auto const index = current_[size_class]; index != 0) {
            if (void* const block = pop(arena, index)) {
                return block;
            }
            forget_if_corrupted(arena, arena.runs().unit(index));
        }
        if (!refill(arena, size_class)) {
            return nullptr;
        }
    }
}

// A current slab's free blocks are lost, if the first one's link was written over.
template <HeapConfig Config>
void LocalHeap<Config>::forget_if_corrupted(Arena& arena, Unit& slab) {
    if (auto const block = slab.free;
        block != arena.end_mark(slab) && !LinkKey::is_free(arena.key().step(block))) {
        slab.free = arena.end_mark(slab);
        slab.until_change = (slab.carved - absent_blocks(arena, slab)) | Unit::is_current;
        arena.fail(corrupted, word_at(block));
    }
}

// Blocks of the class's list from its current slab, or from another one.
template <HeapConfig Config>
bool LocalHeap<Config>::refill(Arena& arena, std::size_t size_class) {
    for (;;) {
        if (auto const index = current_[size_class]; index != 0) {
            auto& slab = arena.runs().unit(index);
            if (((slab.absent_pages() != 0 || !has_few(arena, slab, size_class)) &&
                 use_free(arena, slab)) ||
                use_remote(arena, slab)) {
                return true;
            }
            if (!has_better(arena, slab)) {
                if (restore_page(arena, slab) || carve(arena, slab)) {
                    return true;
                }
                if (slab.carved != slab.capacity()) {
                    return use_free(arena, slab) || use_any_free(arena, size_class);
                }
                let_go(arena, slab);
            }
        }
        auto const next = next_slab(arena, size_class);
        if (next == 0) {
            return use_any_free(arena, size_class);
        }
        make_current(arena, next);
    }
}

// Whether so few of a current slab's blocks are free that what nobody has touched comes first, or, if the slab
// is full, another one: short lists cost time. They stay for when there are more. Of one with all its pages.
template <HeapConfig Config>
bool LocalHeap<Config>::has_few(Arena const& arena, Unit const& slab,
                                std::size_t size_class) const {
    auto const free = free_blocks(slab);
    if (is_coarse(size_class) || free >= frees_until_useful(size_class, Patience::much)) {
        return false;
    }
    auto const capacity = blocks_a_slab(size_class);
    return free < std::min(capacity / 8, few_blocks) ||
           (slab.carved == capacity && comes_after_others(arena, slab, free));
}
// Whether there is another slab with free blocks, and this one has not enough to be patient with it.
template <HeapConfig Config>
bool LocalHeap<Config>::comes_after_others(Arena const& arena, Unit const& slab,
                                           std::uint32_t free) const {
    auto const* const units = arena.runs().units();
    auto const other = partial_[slab.size_class].first();
    return other != 0 && units[other].free != arena.end_mark(units[other]) &&
           (free < frees_until_useful(slab.size_class, Patience::little) ||
            has_many_slabs(arena, slab.size_class));
}

// Whether blocks of another slab come before pages of this one that nobody has touched. Then this one
// waits behind the others.
template <HeapConfig Config>
bool LocalHeap<Config>::has_better(Arena& arena, Unit& slab) {
    auto& partial = partial_[slab.size_class];
    auto* const units = arena.runs().units();
    if ((slab.carved == slab.capacity() && slab.absent_pages() == 0) || partial.first() == 0 ||
        units[partial.first()].free == arena.end_mark(units[partial.first()])) {
        return false;
    }
    slab.until_change &= ~Unit::is_current;
    partial.push_back(units, arena.runs().index_of(slab));
    return true;
}

template <HeapConfig Config>
bool LocalHeap<Config>::use_free(Arena& arena, Unit& slab) {
    auto const none = arena.end_mark(slab);
    if (slab.free == none) {
        return false;
    }
    if (is_coarse(slab.size_class)) {
        return true;
    }
    heads_[slab.size_class] = word_at(slab.free);
    slab.free = none;
    count_taken(free_blocks(slab));
    // What is in the list counts as in use.
    slab.until_change = (slab.carved - absent_blocks(arena, slab)) | Unit::is_current;
    return true;
}

template <HeapConfig Config>
bool LocalHeap<Config>::use_remote(Arena& arena, Unit& slab) {
    if (slab.remote.load(std::memory_order_relaxed) == 0) {
        return false;
    }
    if (is_coarse(slab.size_class)) {
        arena.collect(slab);
        return true;
    }
    // They counted as in use for this slab, and do so in the list.
    count_taken(slab.carved);
    heads_[slab.size_class] = word_at(slab.remote.exchange(0, std::memory_order_acquire));
    return true;
}

// Blocks that were never handed out: up to the end of a page, so that no more are touched than needed.
template <HeapConfig Config>
bool LocalHeap<Config>::carve(Arena& arena, Unit& slab) {
    auto const capacity = slab.capacity();
    if (slab.carved == capacity) {
        return false;
    }
    auto const size = class_bytes(slab.size_class);
    auto const first = arena.first_block(slab) + slab.carved * size;
    auto const memory = arena.memory_of(slab);
    auto const least = whole_pages(first + size - memory);
    if (!arena.commit_slab(slab, least)) {
        return false;
    }
    auto const room = (memory + least * page_bytes - first) / size;
    auto const count = std::min<std::size_t>(room, capacity - slab.carved);
    auto block = first;
    for (std::size_t i = 1; i < count; ++i, block += size) {
        arena.key().link(block, block + size);
    }
    arena.key().link(block, arena.end_mark(slab));
    if constexpr (is_hardened<Config>) {
        // What is over before the first block ends with a tag too.
        auto at = slab.carved == 0 && first - memory >= tag_bytes ? first - size : first;
        for (; at != first + count * size; at += size) {
            TagPlace(arena.key(), at, size).write({});
        }
    }
    slab.carved += static_cast<std::uint32_t>(count);
    ++carved_;
    give_list(slab, first, static_cast<std::uint32_t>(count));
    return true;
}

// Of a current slab that has no free blocks, which get these: its class does, or it has them itself.
template <HeapConfig Config>
void LocalHeap<Config>::give_list(Unit& slab, std::uintptr_t first, std::uint32_t blocks) {
    if (is_coarse(slab.size_class)) {
        slab.free = first;
        return;
    }
    count_taken(blocks);
    slab.until_change += blocks;
    heads_[slab.size_class] = word_at(first);
}

template <HeapConfig Config>
void LocalHeap<Config>::let_go(Arena& arena, Unit& slab) {
    auto const free = slab.carved - slab.used();
    slab.is_full = true;
    slab.patience = free >= frees_until_useful(slab.size_class, Patience::little) ||
                            has_many_slabs(arena, slab.size_class)
                        ? Patience::much
                        : Patience::little;
    slab.until_change = frees_until_useful(slab.size_class, slab.patience) - free;
    full_[slab.size_class].push(arena.runs().units(), arena.runs().index_of(slab));
    current_[slab.size_class] = 0;
}

template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::next_slab(Arena& arena, std::size_t size_class) {
    if (auto const index = partial_[size_class].first(); index != 0) {
        partial_[size_class].remove(arena.runs().units(), index);
        return index;
    }
    if (auto const index = find_freed_by_others(arena, size_class); index != 0) {
        return index;
    }
    if (auto const index = adopt(arena, size_class); index != 0) {
        return index;
    }
    release_pages_if_grown(arena);
    auto const index = arena.make_slab(size_class, Config::self());
    // Their pages come all at once: it fills one slab after the other, and that costs less.
    if (CanPopulate<typename Config::Source> && index != 0 && has_many_slabs(arena, size_class)) {
        arena.commit_whole_slab(arena.runs().unit(index));
    }
    return index;
}

// Whether a class has so many slabs, full or not, that one more or less makes little difference.
template <HeapConfig Config>
bool LocalHeap<Config>::has_many_slabs(Arena const& arena, std::size_t size_class) const {
    auto many = 8;
    auto const* const units = arena.runs().units();
    for (auto const& list : {full_[size_class], partial_[size_class]}) {
        for (auto index = list.first(); index != 0; index = units[index].next) {
            if (--many == 0) {
                return true;
            }
        }
    }
    return false;
}

template <HeapConfig Config>
void LocalHeap<Config>::make_current(Arena& arena, std::uint32_t index) {
    auto& slab = arena.runs().unit(index);
    current_[slab.size_class] = index;
    slab.until_change |= Unit::is_current;
}

// Where the source has no more pages, full slabs with a few free blocks must do.
template <HeapConfig Config>
bool LocalHeap<Config>::use_any_free(Arena& arena, std::size_t size_class) {
    auto& full = full_[size_class];
    auto* const units = arena.runs().units();
    for (auto index = full.first(); index != 0; index = units[index].next) {
        auto& slab = units[index];
        if (slab.free != arena.end_mark(slab) || slab.remote.load(std::memory_order_relaxed) != 0) {
            full.remove(units, index);
            slab.until_change = slab.used();
            slab.is_full = false;
            if (auto const other = current_[size_class]; other != 0) {
                units[other].until_change &= ~Unit::is_current;
                partial_[size_class].push_back(units, other);
            }
            make_current(arena, index);
            return use_free(arena, slab) || use_remote(arena, slab);
        }
    }
    return false;
}

// A look at some of the full slabs, in turn: others may have freed blocks of them.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::find_freed_by_others(Arena& arena, std::size_t size_class) {
    constexpr unsigned most_looks = 8;
    auto& full = full_[size_class];
    if (full.first() == 0 || !arena.gave_remote()) {
        return 0;
    }
    auto* const units = arena.runs().units();
    for (unsigned looks = 0; looks < most_looks && full.first() != 0; ++looks) {
        auto const index = full.first();
        full.remove(units, index);
        if (units[index].remote.load(std::memory_order_relaxed) != 0) {
            units[index].until_change = units[index].used();
            units[index].is_full = false;
            return index;
        }
        full.push_back(units, index);
    }
    return 0;
}

// Slabs of threads that have ended are tried before new ones are made.
template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::adopt(Arena& arena, std::size_t size_class) {
    constexpr unsigned most_adopted = 8;
    for (unsigned adopted = 0; adopted < most_adopted; ++adopted) {
        auto const index = arena.adopt(size_class, Config::self());
        if (index == 0) {
            return 0;
        }
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
    auto* const units = arena.runs().units();
    auto const index = arena.runs().index_of(slab);
    auto& partial = partial_[slab.size_class];
    if (slab.is_full) {
        slab.until_change = slab.used();
        slab.is_full = false;
        full_[slab.size_class].remove(units, index);
        partial.push(units, index);
        return;
    }
    // One empty slab of a class is kept, for when its blocks come and go at the edge of a slab.
    if (partial.first() == index && slab.next == 0) {
        return;
    }
    partial.remove(units, index);
    // What the class's group has grown by was not needed for long.
    for (std::size_t member = slab.size_class; member != 0 && groups[member] == slab.size_class;
         --member) {
        demand_[member] = 0;
    }
    arena.put(index);
}

// Reports what a sized or aligned delete was told, if it cannot be true of the block.
template <HeapConfig Config>
void LocalHeap<Config>::check_freed(Arena& arena, Unit const& unit, std::uintptr_t address,
                                    Freed freed) {
    auto const* const pointer = reinterpret_cast<void const*>(address);
    if (!freed.is_aligned(address)) {
        return arena.fail(wrong_alignment, pointer);
    }
    if (!freed.knows_bytes()) {
        return;
    }
    if (unit.is_sample) {
        return freed.bytes != arena.large_bytes(unit) ? arena.fail(wrong_size, pointer) : void();
    }
    auto const size_class = class_of_aligned(freed.alignment, freed.bytes);
    bool const fits = unit.kind == UnitKind::slab
                          ? size_class && may_serve(unit.size_class, *size_class)
                          : !size_class && whole_pages(freed.bytes) == unit.carved;
    if (!fits) {
        arena.fail(wrong_size, pointer);
    }
}

template <HeapConfig Config>
void LocalHeap<Config>::free_slow(Arena& arena, void* pointer, Freed freed, Gather gather) {
    auto const address = address_of(pointer);
    auto* const unit = arena.head_at(address);
    if (unit == nullptr) {
        return pointer != nullptr ? arena.fail(not_ours, pointer) : void();
    }
    if (unit->kind == UnitKind::large) {
        if (arena.memory_of(*unit) != address) {
            return arena.fail(into_the_middle, pointer);
        }
        if (freed.knows_anything()) {
            check_freed(arena, *unit, address, freed);
        }
        return arena.put(arena.runs().index_of(*unit));
    }
    if (unit->kind != UnitKind::slab) {
        return arena.fail(no_block, pointer);
    }
    if (!Arena::is_block(*unit, address)) {
        return arena.fail(into_the_middle, pointer);
    }
    if (has_checks && LinkKey::is_free(arena.key().step(address))) {
        return arena.fail(double_free, pointer);
    }
    if (freed.knows_anything()) {
        check_freed(arena, *unit, address, freed);
    }
    if (!Config::is_self(unit->owner)) {
        return gather == Gather::yes ? remote_.add(arena, *unit, address)
                                     : arena.give_remote(*unit, address, address);
    }
    arena.key().link(address, unit->free);
    unit->free = address;
    if (--unit->until_change == 0) {
        slab_changed(arena, *unit);
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
            arena.key().link(address, slab.free);
            slab.free = address;
            --slab.until_change;
        }
    }
    current_[size_class] = 0;
    slab.until_change &= ~Unit::is_current;
    return index;
}

// A slab in no list: empty, it goes back; else another thread may have it.
template <HeapConfig Config>
void LocalHeap<Config>::leave(Arena& arena, std::uint32_t index) {
    auto& slab = arena.runs().unit(index);
    arena.collect(slab);
    if (slab.used() == 0) {
        arena.put(index);
    } else {
        arena.abandon(index);
    }
}

template <HeapConfig Config>
void LocalHeap<Config>::abandon(Arena& arena) {
    remote_.flush(arena);
    auto* const units = arena.runs().units();
    for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
        if (auto const index = put_down(arena, size_class); index != 0) {
            leave(arena, index);
        }
        for (auto index = partial_[size_class].first(); index != 0;
             index = partial_[size_class].first()) {
            partial_[size_class].remove(units, index);
            leave(arena, index);
        }
        for (auto index = full_[size_class].first(); index != 0;
             index = full_[size_class].first()) {
            full_[size_class].remove(units, index);
            units[index].until_change = units[index].used();
            units[index].is_full = false;
            leave(arena, index);
        }
    }
}

template <HeapConfig Config>
std::uint32_t LocalHeap<Config>::at_hand(Arena const& arena, std::size_t size_class) const {
    std::uint32_t count = 0;
    if (is_coarse(size_class)) {
        return count;
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
        follow(units[index], units[index].free);
        follow(units[index], units[index].remote.load(std::memory_order_acquire));
    };
    for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
        if (auto const index = current_[size_class]; index != 0) {
            if (!is_coarse(size_class) && heads_[size_class] != nothing()) {
                follow(units[index], address_of(heads_[size_class]));
            }
            follow_all(index);
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
    auto const time = arena.purge();
    if (time != tidied_at_) {
        tidied_at_ = time;
        remote_.flush(arena);
    }
    if (trimmed_at_ == 0) {
        trimmed_at_ = time;  // the first look
    } else if (time - trimmed_at_ >= (arena.is_short() ? 1 : ticks_a_trim)) {
        trimmed_at_ = time;
        trim(arena);
    }
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
        for (auto index = partial.first(); index != 0;) {
            auto& slab = arena.runs().unit(index);
            auto const next = slab.next;
            if (slab.used() == 0) {
                partial.remove(arena.runs().units(), index);
                arena.put(index);
            }
            index = next;
        }
    }
    release_pages(arena);
}

}  // namespace slab
