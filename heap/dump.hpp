// The heap's window as one JSON object in one line, for tools/heapmap.py to draw.
#pragma once

#include "heap/attributes.hpp"
#include "heap/granules.hpp"
#include "heap/runs.hpp"

#include <bit>
#include <cstdint>
#include <string_view>

namespace slab {

constexpr std::string_view name_of(UnitKind kind) {
    switch (kind) {
        case UnitKind::slab:
            return "slab";
        case UnitKind::mixed:
            return "mixed";
        case UnitKind::large:
            return "large";
        case UnitKind::own:
            return "own";
        default:
            return "free";
    }
}

// Of a heap at rest, or under its lock. `out` takes text and unsigned numbers by <<. Each item is what
// begins at a unit: [unit, units, kind, block bytes, blocks in use, blocks, committed pages]. Of mixed units granules
// are counted, as blocks.
template <typename Runs, typename Out>
SLAB_COLD void dump(Runs const& runs, Out& out) {
    out << "{\"unit_bytes\":" << std::uint64_t{unit_bytes}
        << ",\"page_bytes\":" << std::uint64_t{page_bytes} << ",\"units\":" << runs.used_units()
        << ",\"metadata_bytes\":" << runs.metadata_bytes() << ",\"map\":[";
    std::string_view comma;
    for (std::uint32_t i = 1; i < runs.used_units();) {
        auto const& unit = runs.unit(i);
        std::uint32_t const units = unit.run_units != 0 ? unit.run_units : 1;
        std::uint32_t pages = 0;
        for (std::uint32_t k = 0; k < units; ++k) {
            pages += runs.unit(i + k).committed_pages;
        }
        out << comma << "[" << i << "," << units << ",\"" << name_of(unit.kind) << "\",";
        if (unit.kind == UnitKind::slab) {
            pages -= unit.has_gone()
                         ? pages
                         : static_cast<std::uint32_t>(std::popcount(unit.absent_pages()));
            out << std::uint64_t{class_bytes(unit.size_class)} << "," << unit.in_use() << ","
                << unit.capacity();
        } else if (unit.kind == UnitKind::mixed) {
            pages -= static_cast<std::uint32_t>(std::popcount(unit.absent_pages()));
            out << std::uint64_t{quantum} << "," << unit.carved << "," << granules_a_unit;
        } else {
            out << "0,0,0";
        }
        out << "," << pages << "]";
        comma = ",";
        i += units;
    }
    out << "]}\n";
}

}  // namespace slab
