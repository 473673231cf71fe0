// Where the next block of a class comes from when none is at hand. Included by local_heap.hpp.
#pragma once

#include "heap/local_heap.hpp"
#include "heap/tag.hpp"

#include <algorithm>
#include <utility>

namespace slab {

template <HeapConfig Config>
void* LocalHeap<Config>::allocate_slow(Arena& arena, std::size_t bytes) {
    if (bytes <= small_limit) {
        return take_served(arena, class_of(bytes));
    }
    tidy_up(arena);
    bool zeroed = false;
    return arena.allocate_large(bytes, unit_bytes, zeroed);
}

// A class whose requests make its group grow so often within a second is one that is much used: it gets slabs of
// its own. In a group of few slabs, what they save small blocks is less than what is left over of one.
template <HeapConfig Config>
void* LocalHeap<Config>::take_served(Arena& arena, std::size_t size_class) {
    constexpr std::uint8_t much = 32;
    auto const serving = this->serving(size_class);
    auto const carved_before = carved_;
    void* const block = take_last(arena, serving);
    if (serving != size_class && carved_ != carved_before) {
        auto& demand = demand_[size_class];
        if (demand < much) {
            ++demand;
        }
        if (demand == much && (is_coarse(serving) || has_many_slabs(serving))) {
            serve(size_class, size_class);
        }
    }
    return block;
}

// A class's requests are those of more bytes than the one before it has.
template <HeapConfig Config>
constexpr void LocalHeap<Config>::serve(std::size_t size_class, std::size_t by) {
    auto const name = static_cast<std::uint8_t>(by);
    if (is_coarse(size_class)) {
        serving_coarse_[size_class - fine_classes] = name;
        return;
    }
    auto const first = size_class == 0 ? 0 : class_bytes(size_class - 1) + 1;
    std::fill_n(serving_fine_.begin() + first, class_bytes(size_class) + 1 - first, name);
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
        if (auto* const block = std::exchange(heads_[size_class], nothing()); block != nothing()) {
            auto const next = address_of(block) ^ arena.key().step(address_of(block));
            if (next == arena.end_mark(arena.runs().unit(current_[size_class])) ||
                arena.is_end_of_mixed(address_of(block), next)) {
                refill_at_hand(arena, size_class);
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
    if (void* const block = take_coarse(arena, size_class)) {
        return block;
    }
    for (;;) {
        if (auto const index = current_[size_class]; index != 0) {
            if (void* const block = pop(arena, index)) {
                return block;
            }
            if (auto& slab = arena.runs().unit(index); slab.free != arena.end_mark(slab)) {
                forget_if_corrupted(arena, slab);
            }
        }
        if (!refill(arena, size_class)) {
            return nullptr;
        }
    }
}

// The free blocks of a current slab, which has some, are lost, if the link to the first one, or its own, was written
// over.
template <HeapConfig Config>
void LocalHeap<Config>::forget_if_corrupted(Arena& arena, Unit& slab) {
    auto const block = slab.free;
    bool const is_here =
        block - arena.memory_of(slab) < slab_bytes(slab.size_class) && Arena::is_block(slab, block);
    if (!is_here || arena.next_of(slab, block) == 0) {
        slab.free = arena.end_mark(slab);
        slab.until_change = (slab.carved - absent_blocks(arena, slab)) | Unit::is_current;
        arena.fail(corrupted, word_at(block));
    }
}

// A list of what came back to the class's current slab; or else of what another one has, which takes its place if it
// is full. Not where there is more to be done.
template <HeapConfig Config>
bool LocalHeap<Config>::refill_at_hand(Arena& arena, std::size_t size_class) {
    auto const index = current_[size_class];
    if (index == 0) {
        return false;
    }
    auto& slab = arena.runs().unit(index);
    if (slab.absent_pages() != 0) {
        return false;
    }
    return (!has_few(arena, slab, size_class) && use_free(arena, slab)) ||
           exchange_current(arena, slab);
}

// A current slab that is full, and waits for nothing, gives its place to another one with free blocks.
template <HeapConfig Config>
bool LocalHeap<Config>::exchange_current(Arena& arena, Unit& slab) {
    auto& partial = partial_[slab.size_class];
    auto const next = partial.first();
    if (next == 0 || slab.carved != slab.capacity() || slab.has_freed_by_others()) {
        return false;
    }
    auto& other = arena.runs().unit(next);
    if (other.free == arena.end_mark(other)) {
        return false;
    }
    let_go(arena, slab);
    partial.remove(arena.runs().units(), next);
    make_current(arena, next);
    return use_free(arena, other);
}

// Blocks of the class's list from its current slab, or from another one.
template <HeapConfig Config>
bool LocalHeap<Config>::refill(Arena& arena, std::size_t size_class) {
    wanted_ |= wanted_bit(size_class);
    for (;;) {
        if (auto const index = current_[size_class]; index != 0) {
            auto& slab = arena.runs().unit(index);
            if (((slab.absent_pages() != 0 || !has_few(arena, slab, size_class)) &&
                 use_free(arena, slab)) ||
                use_remote(arena, slab)) {
                return true;
            }
            if (slab.carved == slab.capacity() && slab.absent_pages() == 0) {
                let_go(arena, slab);
            } else if (!has_better(arena, slab)) {
                if (take_mixed(arena, slab)) {
                    return true;
                }
                if (restore_page(arena, slab) || carve(arena, slab)) {
                    return true;
                }
                if (slab.carved != slab.capacity()) {
                    return use_free(arena, slab) || use_any_free(arena, size_class);
                }
                let_go(arena, slab);
            }
            current_[size_class] = 0;
        }
        auto next = partial_[size_class].first();
        if (next != 0) {
            partial_[size_class].remove(arena.runs().units(), next);
        } else {
            next = slab_from_others(arena, size_class);
        }
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
    return free < few_blocks ||
           (slab.carved == blocks_a_slab(size_class) && comes_after_others(arena, slab));
}

// Whether there is another slab with free blocks, and so many that this one may wait.
template <HeapConfig Config>
bool LocalHeap<Config>::comes_after_others(Arena const& arena, Unit const& slab) const {
    auto const* const units = arena.runs().units();
    auto const other = partial_[slab.size_class].first();
    return has_many_slabs(slab.size_class) && other != 0 &&
           units[other].free != arena.end_mark(units[other]);
}

// Whether blocks of another slab come before pages of this one that nobody has touched, or that went back. Then this
// one waits behind the others.
template <HeapConfig Config>
bool LocalHeap<Config>::has_better(Arena& arena, Unit& slab) {
    auto& partial = partial_[slab.size_class];
    auto* const units = arena.runs().units();
    if (partial.first() != 0) {
        if (!has_enough(arena, units[partial.first()])) {
            return false;
        }
    } else if (auto const freed = find_freed_by_others(arena, slab.size_class); freed != 0) {
        partial.push(units, freed);
    } else if (auto const adopted = adopt(arena, slab.size_class); adopted != 0) {
        partial.push(units, adopted);
        if (!has_enough(arena, units[adopted])) {
            return false;
        }
    } else {
        return false;
    }
    slab.end_use();
    partial.push_back(units, arena.runs().index_of(slab));
    return true;
}

// Whether a partial slab, made current, has a list to take: none but the current one would else be cut further, and two
// with few free blocks each could give way to each other for ever.
template <HeapConfig Config>
bool LocalHeap<Config>::has_enough(Arena const& arena, Unit const& slab) {
    return slab.free != arena.end_mark(slab) &&
           (is_coarse(slab.size_class) || slab.carved == slab.capacity() ||
            slab.carved - slab.used() >= few_blocks);
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
    take_list(slab, slab.size_class, none, slab.carved - absent_blocks(arena, slab));
    return true;
}

template <HeapConfig Config>
bool LocalHeap<Config>::use_remote(Arena& arena, Unit& slab) {
    if (!slab.has_freed_by_others()) {
        return false;
    }
    auto const freed = arena.take_freed(slab);
    if (is_coarse(slab.size_class) || freed.is_none() || Arena::have_gone(freed)) {
        arena.receive(slab, freed);
        return slab.free != arena.end_mark(slab);
    }
    // They counted as in use for this slab, and do so in the list.
    count_taken(slab.carved);
    heads_[slab.size_class] = word_at(freed.first(arena.memory_of(slab)));
    return true;
}

// The pages of a slab up to the end of the first block that was never handed out.
template <HeapConfig Config>
std::size_t LocalHeap<Config>::pages_up_to_next(Arena const& arena, Unit const& slab) {
    auto const end = arena.first_block(slab) + (slab.carved + 1) * class_bytes(slab.size_class);
    return whole_pages(end - arena.memory_of(slab));
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
    auto const least = pages_up_to_next(arena, slab);
    auto const held = slab.committed_pages;
    // The pages of a class that fills one slab after the other come all at once: that costs less.
    if (CanPopulate<typename Config::Source> && slab.carved == 0 &&
        has_many_slabs(slab.size_class)) {
        arena.commit_whole_slab(slab);
    }
    if (!arena.commit_slab(slab, least)) {
        return false;
    }
    count_new_pages(static_cast<std::uint32_t>(slab.committed_pages - held));
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
            TagPlace(arena.tag_key(), at, size).write({});
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

}  // namespace slab
