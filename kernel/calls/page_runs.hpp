// The short ways of the page calls for runs of pages: within one 2 MiB region of the caller's own
// space, to one that it made, or has a window of, for map, share and alloc. Arguments as the program sent them. False: nothing
// was done, and the call goes the general way.
#pragma once

#include <cstdint>

namespace quarry {

bool alloc_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages, std::uint64_t mode);
bool map_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
             std::uint64_t to, std::uint64_t mode);
bool move_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
              std::uint64_t to, std::uint64_t mask);
bool protect_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages, std::uint64_t mode);
bool share_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
               std::uint64_t to, std::uint64_t mode);
bool unmap_run(std::uint64_t address, std::uint64_t pages);

}  // namespace quarry
