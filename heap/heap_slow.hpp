// The heap's less frequent paths. Included by heap.hpp.
#pragma once

#include "heap/heap.hpp"

#include <algorithm>

namespace slab {

// Points the class at a word of this slab that has a free block.
template <PageSource Source, typename Lock>
bool Heap<Source, Lock>::use_word_of(Class& c, Unit& slab) {
    for (std::size_t i = 0; i < slab.words; ++i) {
        if (slab.free_bits[i] != 0) {
            c.word = &slab.free_bits[i];
            c.word_memory = slab.memory + i * 64 * slab.block_bytes;
            return true;
        }
    }
    return false;
}

// Commits the next unit's worth of a slab, and frees the blocks that became whole.
template <PageSource Source, typename Lock>
bool Heap<Source, Lock>::commit_more(Unit& slab) {
    if (slab.committed_blocks == slab.blocks) {
        return false;
    }
    auto const from = whole_pages(std::size_t{slab.committed_blocks} * slab.block_bytes);
    auto const slab_bytes = slab_units(slab.size_class) * unit_bytes;
    auto const to =
        std::min(slab_bytes, from + std::max(unit_bytes, whole_pages(slab.block_bytes)));
    if (runs_.commit(slab.memory + from, to - from) == Committed::failed) {
        return false;
    }
    auto const blocks =
        static_cast<std::uint32_t>(std::min<std::size_t>(slab.blocks, to / slab.block_bytes));
    for (auto block = slab.committed_blocks; block < blocks; ++block) {
        slab.free_bits[block / 64] |= std::uint64_t{1} << (block % 64);
    }
    slab.committed_blocks = blocks;
    return true;
}

template <PageSource Source, typename Lock>
Unit* Heap<Source, Lock>::new_slab(std::size_t index) {
    auto const units = slab_units(index);
    Unit* const slab = runs_.take(units, unit_bytes);
    if (slab == nullptr) {
        return nullptr;
    }
    for (std::size_t i = 0; i < units; ++i) {
        slab[i].kind = UnitKind::slab;
    }
    slab->size_class = static_cast<std::uint8_t>(index);
    slab->block_bytes = static_cast<std::uint32_t>(class_bytes(index));
    slab->block_reciprocal = reciprocal(class_bytes(index));
    slab->blocks = static_cast<std::uint32_t>(blocks_a_slab(index));
    slab->words = static_cast<std::uint16_t>((slab->blocks + 63) / 64);
    slab->until_change = 0;
    slab->is_full = false;
    slab->committed_blocks = 0;
    slab->next = nullptr;
    slab->previous = nullptr;
    std::ranges::fill(slab->free_bits, std::uint64_t{0});
    if (!commit_more(*slab)) {
        runs_.put(*slab, units);
        return nullptr;
    }
    return slab;
}

// The class's current word is used up: another word of its slab, more of the slab, another slab.
template <PageSource Source, typename Lock>
bool Heap<Source, Lock>::refill(Class& c) {
    auto const continue_with = [&](Unit& slab) {
        return use_word_of(c, slab) || (commit_more(slab) && use_word_of(c, slab));
    };
    if (c.slab != nullptr) {
        if (continue_with(*c.slab)) {
            return true;
        }
        if (c.slab->live() != c.slab->blocks) {
            return false;  // the source has no more pages
        }
        // Full: it is let go, and comes to `partial` with its first free block.
        c.slab->is_full = true;
        c.slab->until_change = 1;
        c.slab = nullptr;
        c.word = &no_free_blocks;
    }
    if (auto* const slab = c.partial.first; slab != nullptr) {
        c.partial.remove(*slab);
        make_current(c, *slab);
        return continue_with(*slab);
    }
    auto* const slab = new_slab(static_cast<std::size_t>(&c - classes_.data()));
    if (slab == nullptr) {
        return false;
    }
    make_current(c, *slab);
    return use_word_of(c, *slab);
}

template <PageSource Source, typename Lock>
void Heap<Source, Lock>::make_current(Class& c, Unit& slab) {
    slab.until_change |= Unit::is_current;
    c.slab = &slab;
    c.word = &no_free_blocks;
}

// A full slab that was let go got its first free block, or a slab lost its last one in use.
template <PageSource Source, typename Lock>
void Heap<Source, Lock>::slab_changed(Unit& slab) {
    auto& c = classes_[slab.size_class];
    bool const was_full = slab.is_full;
    if (was_full) {
        slab.is_full = false;
        slab.until_change = slab.blocks - 1;
    }
    if (slab.until_change != 0) {
        c.partial.push(slab);
        return;
    }
    if (!was_full) {
        c.partial.remove(slab);
    }
    auto const units = slab_units(slab.size_class);
    auto const committed = std::min(
        units * unit_bytes, whole_pages(std::size_t{slab.committed_blocks} * slab.block_bytes));
    slab.committed_blocks = 0;
    runs_.decommit(slab.memory, committed);
    runs_.put(slab, units);
}

template <PageSource Source, typename Lock>
void* Heap<Source, Lock>::allocate_coarse(std::size_t bytes, Heap& heap) {
    if (bytes > small_limit) {
        return heap.allocate_large(bytes, unit_bytes);
    }
    return heap.take_block(heap.classes_[class_of(bytes)], bytes);
}

template <PageSource Source, typename Lock>
void* Heap<Source, Lock>::allocate_large(std::size_t bytes, std::size_t alignment) {
    if (bytes > max_request - max_alignment) {
        return nullptr;
    }
    auto const size = whole_pages(std::max<std::size_t>(bytes, 1));
    auto const units = large_units(size);
    auto* const unit = runs_.take(units, std::max(alignment, unit_bytes));
    if (unit == nullptr) {
        return nullptr;
    }
    if (runs_.commit(unit->memory, size) == Committed::failed) {
        runs_.put(*unit, units);
        return nullptr;
    }
    for (std::size_t i = 0; i < units; ++i) {
        unit[i].kind = UnitKind::large;
    }
    unit->run_units = static_cast<std::uint32_t>(units);
    unit->large_bytes() = size;
    asked_bytes_ += bytes;
    return unit->memory;
}

template <PageSource Source, typename Lock>
void Heap<Source, Lock>::free_large(Unit& unit, void* pointer) {
    if (unit.memory != pointer) {
        return fail("free of a pointer into the middle of a large block", pointer);
    }
    runs_.decommit(unit.memory, unit.large_bytes());
    runs_.put(unit, unit.run_units);
}

// What `free` got is no block in use of a slab.
template <PageSource Source, typename Lock>
void Heap<Source, Lock>::free_other(void* pointer, Heap& heap, Unit& unit) {
    if (unit.kind == UnitKind::large) {
        return heap.free_large(unit, pointer);
    }
    if (unit.kind != UnitKind::slab) {
        return heap.fail("double free, or free of memory that no block has", pointer);
    }
    auto const offset = static_cast<std::size_t>(static_cast<std::byte*>(pointer) - unit.memory);
    auto const block = offset / unit.block_bytes;
    if (block * unit.block_bytes != offset || block >= unit.committed_blocks) {
        return heap.fail("free of a pointer into the middle of a block", pointer);
    }
    heap.fail("double free", pointer);
}

template <PageSource Source, typename Lock>
void Heap<Source, Lock>::free_foreign(void* pointer, Heap& heap) {
    if (pointer != nullptr) {
        heap.fail("free of a pointer that is not this heap's", pointer);
    }
}

// The unit of a block in use, or a report.
template <PageSource Source, typename Lock>
Unit* Heap<Source, Lock>::block_of(void const* pointer) {
    Unit* unit = runs_.unit_at(pointer);
    if (unit != nullptr) {
        unit = unit->head;
        if (unit->kind == UnitKind::large && unit->memory == pointer) {
            return unit;
        }
        if (unit->kind == UnitKind::slab) {
            auto const offset =
                static_cast<std::size_t>(static_cast<std::byte const*>(pointer) - unit->memory);
            auto const block = offset / unit->block_bytes;
            bool const free = (unit->free_bits[block / 64] >> (block % 64) & 1) != 0;
            if (block * unit->block_bytes == offset && block < unit->committed_blocks && !free) {
                return unit;
            }
        }
    }
    fail("use of a pointer that is no block in use", pointer);
    return nullptr;
}

template <PageSource Source, typename Lock>
void* Heap<Source, Lock>::allocate_aligned(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment) || alignment > max_alignment || bytes > max_request) {
        return nullptr;
    }
    if (alignment <= quantum) {
        return allocate(bytes);
    }
    Guard const guard(lock_);
    // Slabs begin at a unit, so blocks of a power of two are aligned to their size.
    auto const size = std::bit_ceil(std::max(bytes, alignment));
    if (size <= small_limit && alignment <= unit_bytes) {
        return take_block(classes_[class_of(size)], bytes);
    }
    return allocate_large(bytes, alignment);
}

template <PageSource Source, typename Lock>
void* Heap<Source, Lock>::allocate_zeroed(std::size_t count, std::size_t bytes) {
    std::size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        return nullptr;
    }
    void* const block = allocate(total);
    // Pages of a large block were just committed, and every source here commits zeros.
    if (block != nullptr && (total <= small_limit || !Source::commits_zeros)) {
        std::memset(block, 0, total);
    }
    return block;
}

// Large blocks change in place where the run behind them allows.
template <PageSource Source, typename Lock>
bool Heap<Source, Lock>::resize_large(Unit& unit, std::size_t bytes) {
    auto const size = whole_pages(bytes);
    auto const units = large_units(size);
    auto* const memory = unit.memory;
    if (size > unit.large_bytes()) {
        if (units > unit.run_units && !runs_.grow(unit, unit.run_units, units)) {
            return false;
        }
        for (std::size_t i = unit.run_units; i < units; ++i) {
            (&unit)[i].kind = UnitKind::large;
        }
        auto const old_units = unit.run_units;
        unit.run_units = static_cast<std::uint32_t>(std::max<std::size_t>(units, old_units));
        if (runs_.commit(memory + unit.large_bytes(), size - unit.large_bytes()) ==
            Committed::failed) {
            if (units > old_units) {
                unit.run_units = old_units;
                runs_.put((&unit)[old_units], units - old_units);
            }
            return false;
        }
    } else if (size < unit.large_bytes()) {
        runs_.decommit(memory + size, unit.large_bytes() - size);
        if (units < unit.run_units) {
            auto const freed = unit.run_units - units;
            unit.run_units = static_cast<std::uint32_t>(units);
            runs_.put((&unit)[units], freed);
        }
    }
    unit.large_bytes() = size;
    return true;
}

template <PageSource Source, typename Lock>
void* Heap<Source, Lock>::reallocate(void* pointer, std::size_t bytes) {
    if (pointer == nullptr) {
        return allocate(bytes);
    }
    std::size_t old_bytes = 0;
    {
        Guard const guard(lock_);
        Unit* const unit = block_of(pointer);
        if (unit == nullptr || bytes > max_request - max_alignment) {
            return nullptr;
        }
        if (unit->kind == UnitKind::slab) {
            old_bytes = unit->block_bytes;
            if (bytes <= small_limit && class_bytes(class_of(bytes)) == old_bytes) {
                return pointer;
            }
        } else {
            old_bytes = unit->large_bytes();
            if (bytes > small_limit && resize_large(*unit, bytes)) {
                return pointer;
            }
        }
    }
    void* const moved = allocate(bytes);
    if (moved != nullptr) {
        std::memcpy(moved, pointer, std::min(bytes, old_bytes));
        free(pointer);
    }
    return moved;
}

template <PageSource Source, typename Lock>
std::size_t Heap<Source, Lock>::usable_bytes(void const* pointer) {
    if (pointer == nullptr) {
        return 0;
    }
    Guard const guard(lock_);
    Unit const* const unit = block_of(pointer);
    if (unit == nullptr) {
        return 0;
    }
    return unit->kind == UnitKind::slab ? unit->block_bytes : unit->large_bytes();
}

template <PageSource Source, typename Lock>
Statistics Heap<Source, Lock>::statistics() {
    Guard const guard(lock_);
    Statistics s;
    s.asked_bytes = asked_bytes_;
    s.pages_taken = runs_.pages_taken();
    s.pages_returned = runs_.pages_returned();
    s.commits = runs_.commits();
    s.decommits = runs_.decommits();
    s.held_bytes = (s.pages_taken - s.pages_returned) * page_bytes;
    s.metadata_bytes = runs_.metadata_pages() * page_bytes;
    for (std::size_t i = 0; i < runs_.used_units(); ++i) {
        auto const& unit = runs_.unit(i);
        if (unit.head != &unit) {
            continue;
        }
        if (unit.kind == UnitKind::slab) {
            auto& c = s.classes[unit.size_class];
            ++c.slabs;
            c.blocks_in_use += unit.live();
            c.blocks_committed += unit.committed_blocks;
            s.in_use_bytes += std::uint64_t{unit.live()} * unit.block_bytes;
        } else if (unit.kind == UnitKind::large) {
            ++s.large_blocks;
            s.large_bytes += unit.large_bytes();
            s.in_use_bytes += unit.large_bytes();
        }
    }
    return s;
}

}  // namespace slab
