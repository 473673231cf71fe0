// A run of free units, as its first and last unit describe it.
#pragma once

#include "heap/unit.hpp"
#include "heap/unit_range.hpp"

#include <cstdint>

namespace slab {

// What pages it has are in `holding`, but for those that were left to others already (CanPurgeLazily): so of a long run,
// which has few or none, it is not all looked through each time that a short one has joined it.
struct FreeRun {
    UnitRange units;
    UnitRange holding;
    std::uint32_t freed_at = 0;  // in ticks of the arena's clock

    static FreeRun read(Unit const* all, std::uint32_t first) {
        auto const& front = all[first];
        return {.units = {.first = first, .end = first + front.run_units},
                .holding = {.first = front.carved, .end = front.head},
                .freed_at = front.freed_at};
    }
    void write(Unit* all) const {
        auto& front = all[units.first];
        auto& back = all[units.end - 1];
        front.kind = UnitKind::free_run;
        back.kind = UnitKind::free_run;
        front.run_units = units.count();
        back.run_units = units.count();
        front.freed_at = freed_at;
        write_holding(all);
    }
    void write_holding(Unit* all) const {
        all[units.first].carved = holding.first;
        all[units.first].head = holding.end;
    }

    FreeRun part(UnitRange some) const {
        return {.units = some, .holding = holding.common_with(some), .freed_at = freed_at};
    }
    void join(FreeRun const& neighbour) {
        units = units.joined_with(neighbour.units);
        holding = holding.joined_with(neighbour.holding);
    }
};

}  // namespace slab
