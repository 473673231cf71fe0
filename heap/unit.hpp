// What the heap knows about one 16 KiB unit of its window. Kept out of line, so that a program that
// writes past a block cannot reach it.
#pragma once

#include "heap/size_class.hpp"

#include <cstddef>
#include <cstdint>

namespace slab {

enum class UnitKind : std::uint8_t {
    untouched = 0,  // in no slab and no large block, and not at the end of a free run
    free_run,       // the first or last unit of a free run
    slab,
    large,
};

struct alignas(64) Unit {
    UnitKind kind = UnitKind::untouched;
    std::uint8_t size_class = 0;
    std::uint16_t words = 0;             // of free_bits in use
    std::uint32_t run_units = 0;         // of a free run or a large block
    std::uint32_t block_bytes = 0;       // of a slab
    std::uint32_t block_reciprocal = 0;  // of block_bytes
    std::uint32_t until_change = 0;      // frees until the slab must be looked at; see live()
    std::uint32_t blocks = 0;            // in the slab
    std::uint32_t committed_blocks = 0;  // zero in units that begin no slab
    bool is_full = false;                // the slab, and let go by its class
    Unit* head = nullptr;         // the first unit of its slab or large block; itself if in none
    std::byte* memory = nullptr;  // where the unit begins
    Unit* next = nullptr;         // in a list of slabs or free runs
    Unit* previous = nullptr;
    // A set bit is a free block. What a slab has not committed yet counts as in use.
    std::uint64_t free_bits[max_blocks_a_slab / 64] = {};

    // `free` counts until_change down and looks at the slab when it reaches zero. It is the number
    // of blocks in use, with two exceptions: a slab that its class takes blocks from has is_current
    // added, so that one block going back and forth stays off the slow path; a full slab that its
    // class has let go has 1, because its next free block makes it useful again.
    static constexpr std::uint32_t is_current = std::uint32_t{1} << 31;
    std::uint32_t live() const { return is_full ? blocks : until_change & ~is_current; }

    // Of a large block, which has no free bits: bytes committed.
    std::uint64_t& large_bytes() { return free_bits[0]; }
    std::uint64_t large_bytes() const { return free_bits[0]; }
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
