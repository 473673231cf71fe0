// Large blocks for which the reserved window has no room: mappings of their own. They are found by a
// table, so a pointer that is in neither is still known to be foreign.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace slab::hosted {

// Smaller ones are not worth a mapping, of which a process may have 65,530.
inline constexpr std::size_t least_beyond = std::size_t{256} << 10;

#pragma GCC visibility push(hidden)
// How many there are. Who frees or looks up a block sees its own counted.
extern constinit std::atomic<std::uint32_t> blocks_beyond;
inline bool has_beyond() { return blocks_beyond.load(std::memory_order_relaxed) != 0; }

// Zeroed; null if it is not large, or there is no memory. `alignment` is a power of two.
void* allocate_beyond(std::size_t alignment, std::size_t bytes);
// Its mapping's bytes; 0 if there is no such block.
std::size_t bytes_beyond(void const* pointer);
// False: there is no such block.
bool free_beyond(void* pointer);
// Another size, also past the least; what is kept stays where it is, or moves with its pages. Null: as it was.
void* resize_beyond(void* pointer, std::size_t bytes);
// Moves the pages of the window's block that has these bytes, to where a new one begins; empty ones stay.
// False: nothing was moved, and it is as new.
bool move_pages_beyond(void* from, void* to, std::size_t bytes);
// Of all of them.
std::size_t total_beyond();

// Around a fork.
void lock_beyond();
void unlock_beyond(bool in_child);
#pragma GCC visibility pop

}  // namespace slab::hosted
