// Pages that come to other units of a hardened heap, and what remains to be known of that.
#pragma once

#include "heap/attributes.hpp"
#include "heap/origins.hpp"
#include "heap/runs.hpp"

#include <cstddef>
#include <cstdint>

namespace slab {

// Under the arena's lock.
template <PageSource Source>
class MovedPages {
  public:
    using Runs = slab::Runs<Source>;

    // What becomes of pages that the system does not move after all.
    enum class Unmoved : bool { stay, are_copied };
    // Moves the pages of units in a row to others, of which none is touched yet. False: not all were; of those to be copied,
    // whose new place is committed, not one.
    SLAB_COLD bool move(Runs& runs, UnitRange from, std::uint32_t to, Unmoved unmoved) {
        if constexpr (CanTakeOver<Source>) {
            auto const parts = parts_of(from);
            if (!origins_.has_room(parts)) {
                return false;
            }
            // A system that moves several parts at once may stop after some, and does not say after which.
            bool const at_once = (parts == 1 || unmoved == Unmoved::stay) &&
                                 runs.take_over(from.first, to, from.count());
            while (!from.is_empty()) {
                UnitRange const part{.first = from.first, .end = origins_.end_of_part(from)};
                if (at_once || runs.take_over(part.first, to, part.count())) {
                    origins_.moved(part, to);
                } else if (unmoved == Unmoved::are_copied) {
                    runs.copy(part, to);
                    renew(runs, part);
                } else {
                    return false;
                }
                to += part.count();
                from.first = part.end;
            }
            return true;
        }
        return false;
    }
    // Takes the pages of units away. If they came from elsewhere, nothing is left of that.
    SLAB_COLD void renew(Runs& runs, UnitRange units) {
        if constexpr (CanTakeOver<Source>) {
            if (origins_.is_any_in(units)) {
                runs.renew(units);
                return origins_.forget(units);
            }
        }
        runs.decommit(units.first, units.count());
    }
    // The same for what is free and has none any more. Now and then, so that there is room for others.
    SLAB_COLD void renew_empty(Runs& runs) {
        if constexpr (CanTakeOver<Source>) {
            origins_.forget_if([&](UnitRange part) {
                bool const is_over = may_be_renewed(runs, part) && runs.held_pages(part) == 0;
                if (is_over) {
                    runs.unguard(part.first, part.count());
                    runs.renew(part);
                }
                return is_over;
            });
        }
    }

  private:
    // Nobody may be about to touch it, and what is out of reach behind free slabs stays so.
    static bool may_be_renewed(Runs const& runs, UnitRange part) {
        while (!part.is_empty()) {
            auto const& unit = runs.unit(part.first++);
            bool const is_inner = unit.kind == UnitKind::inner;
            UnitKind const kind = (is_inner ? runs.unit(unit.head) : unit).kind;
            bool const is_free = kind == UnitKind::untouched || kind == UnitKind::free_run ||
                                 kind == UnitKind::resting ||
                                 (kind == UnitKind::retired && unit.reach == Reach::open);
            if (!is_free) {
                return false;
            }
        }
        return true;
    }
    std::uint32_t parts_of(UnitRange units) const {
        std::uint32_t parts = 0;
        for (; !units.is_empty(); units.first = origins_.end_of_part(units)) {
            ++parts;
        }
        return parts;
    }

    Origins origins_;
};

}  // namespace slab
