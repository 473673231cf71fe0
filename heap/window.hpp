// How a heap's window is divided: metadata first, a Unit for each unit that the window may ever have, then the
// units, which begin at a multiple of 2 MiB.
#pragma once

#include "heap/page_source.hpp"
#include "heap/unit.hpp"

#include <cstddef>

namespace slab {

inline constexpr std::size_t window_alignment = std::size_t{2} << 20;

struct WindowPlan {
    std::size_t metadata_bytes;
    std::size_t units_bytes;       // at first
    std::size_t most_units_bytes;  // when it has been extended, as far as it goes

    constexpr std::size_t bytes() const { return metadata_bytes + units_bytes; }
};

// What to ask a source for, the first time, and when it has refused so many times: a smaller window, which is not
// extended.
template <PageSource Source>
constexpr WindowPlan plan_window(unsigned refusals) {
    std::size_t const units = std::size_t{Source::window_bytes} >> refusals;
    std::size_t most = units;
    if constexpr (CanExtend<Source>) {
        most = refusals == 0 ? std::size_t{Source::most_window_bytes} : units;
    }
    auto const metadata = (most >> unit_shift) * sizeof(Unit);
    return {(metadata + window_alignment - 1) & ~(window_alignment - 1), units, most};
}

}  // namespace slab
