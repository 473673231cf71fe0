// What a heap says about itself.
#pragma once

#include "heap/attributes.hpp"
#include "heap/mixed_units.hpp"
#include "heap/runs.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

struct ClassStatistics {
    std::uint32_t slabs = 0;
    std::uint32_t blocks_in_use = 0;
    std::uint32_t blocks_carved = 0;
};

struct Statistics {
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

// Of a heap at rest; blocks of mixed units are in those of their classes. Blocks that threads have at hand count as in use.
template <typename Runs>
SLAB_COLD Statistics statistics_of(Runs const& runs) {
    Statistics s;
    s.pages_taken = runs.pages_taken();
    s.pages_returned = runs.pages_returned();
    s.commits = runs.commits();
    s.decommits = runs.decommits();
    s.held_bytes = (s.pages_taken - s.pages_returned) * page_bytes;
    s.metadata_bytes = runs.metadata_bytes();
    for (std::uint32_t i = 0; i < runs.used_units(); ++i) {
        auto const& unit = runs.unit(i);
        if (unit.kind == UnitKind::slab) {
            auto& c = s.classes[unit.size_class];
            ++c.slabs;
            c.blocks_in_use += unit.in_use();
            c.blocks_carved += unit.carved;
            s.in_use_bytes += std::uint64_t{unit.in_use()} * class_bytes(unit.size_class);
        } else if (unit.kind == UnitKind::mixed) {
            granules_of(unit).for_each_block([&](std::uint32_t, std::uint32_t count) {
                auto& c = s.classes[class_of(count * quantum)];
                ++c.blocks_in_use;
                ++c.blocks_carved;
            });
            s.in_use_bytes += std::uint64_t{unit.carved} * quantum;
        } else if (unit.kind == UnitKind::large) {
            ++s.large_blocks;
            s.large_bytes += std::uint64_t{unit.carved} * page_bytes;
            s.in_use_bytes += std::uint64_t{unit.carved} * page_bytes;
        }
    }
    return s;
}

}  // namespace slab
