// What a heap says about itself.
#pragma once

#include "heap/size_class.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

struct ClassStatistics {
    std::uint32_t slabs = 0;
    std::uint32_t blocks_in_use = 0;
    std::uint32_t blocks_committed = 0;
};

struct Statistics {
    std::uint64_t asked_bytes = 0;     // by all requests so far
    std::uint64_t in_use_bytes = 0;    // blocks in use, at their class's size
    std::uint64_t held_bytes = 0;      // pages held, metadata included
    std::uint64_t metadata_bytes = 0;  // of them
    std::uint64_t large_blocks = 0;
    std::uint64_t large_bytes = 0;
    std::uint64_t pages_taken = 0;  // from the page source so far
    std::uint64_t pages_returned = 0;
    std::uint64_t commits = 0;  // calls of the page source
    std::uint64_t decommits = 0;
    std::array<ClassStatistics, class_count> classes{};
};

}  // namespace slab
