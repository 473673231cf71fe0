// What the heap knows about one 16 KiB unit of its window. Kept out of line, so that a program that
// writes past a block cannot reach it.
#pragma once

#include "heap/size_class.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

enum class UnitKind : std::uint8_t {
    untouched = 0,  // never used, or inside a free run
    free_run,       // the first or last unit of a free run
    slab,
    large,
};

struct alignas(64) Unit {
    UnitKind kind = UnitKind::untouched;
    std::uint8_t size_class = 0;
    std::uint16_t words = 0;        // of free_bits in use
    std::uint32_t units_back = 0;   // to the first unit of its slab or large block
    std::uint32_t run_units = 0;    // of a free run or a large block
    std::uint32_t block_bytes = 0;  // of a slab
    std::uint32_t block_reciprocal = 0;
    std::uint32_t live = 0;    // blocks in use
    std::uint32_t blocks = 0;  // in the slab
    std::uint32_t committed_blocks = 0;
    std::uint64_t block_size = 0;  // of a large block: committed bytes
    Unit* next = nullptr;          // in a list of slabs or free runs
    Unit* previous = nullptr;
    // A set bit is a free block. What a slab has not committed yet counts as in use.
    std::array<std::uint64_t, max_blocks_a_slab / 64> free_bits{};
};
static_assert(sizeof(Unit) == 192);

// Lists of units, linked through `next` and `previous`.
struct UnitList {
    Unit* first = nullptr;

    void push(Unit& unit) {
        unit.previous = nullptr;
        unit.next = first;
        if (first != nullptr) {
            first->previous = &unit;
        }
        first = &unit;
    }
    void remove(Unit& unit) {
        (unit.previous != nullptr ? unit.previous->next : first) = unit.next;
        if (unit.next != nullptr) {
            unit.next->previous = unit.previous;
        }
        unit.next = nullptr;
        unit.previous = nullptr;
    }
};

}  // namespace slab
