// Pages that nobody uses, for who needs many: they are moved there, which takes a hundredth of the time that new ones
// take, and the heap becomes no larger. For a hardened heap, whose free slabs and large blocks keep their addresses.
#pragma once

#include "heap/resting.hpp"
#include "heap/retired.hpp"
#include "heap/runs.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace slab {

// Under the arena's lock. Where somebody wrote to what should be zero is written(address)'s affair; 0: nowhere.
template <PageSource Source, typename Written>
class IdlePages {
  public:
    using Runs = slab::Runs<Source>;

    // For units in use.
    IdlePages(Runs& runs, MovedPages<Source>& moved, UnitRange target, Written written)
        : runs_(runs), moved_(moved), target_(target), written_(written) {}

    // Gives those that have no pages some that are zero or to be cleared, as far as there are any.
    void fill(Resting<Source>& resting, Retired<Source>& retired) {
        auto const take_zeros = [&](UnitRange units) { return take(units, Kind::zero); };
        auto const take_row = [&](UnitRange units) { return take(units, Kind::to_clear); };
        if (is_done() || !runs_.for_each_holding(take_zeros) ||
            !resting.for_each(runs_, take_zeros)) {
            return;
        }
        least_ = row_units;  // a row gives all or nothing
        if (!is_done()) {
            (void)retired.for_each_row(runs_, take_row);
        }
    }

  private:
    enum class Kind : bool { zero, to_clear };

    // Else the target begins with units without pages.
    bool is_done() {
        auto gap = runs_.empty_part(target_);
        while (!gap.is_empty() && gap.count() < least_) {
            target_.first = gap.end;
            gap = runs_.empty_part(target_);
        }
        target_.first = gap.first;
        return gap.is_empty();
    }
    // Takes pages of units, as many as are wanted. False: no more are, or can be had.
    [[gnu::noinline]] bool take(UnitRange units, Kind kind) {
        while (units.count() >= least_) {
            auto piece = runs_.full_part(units);
            if (piece.count() >= least_) {
                auto const gap = runs_.empty_part(target_);
                piece.end = piece.first + std::min(piece.count(), gap.count());
                target_.first = gap.first + piece.count();
                if (kind == Kind::zero) {
                    written_(runs_.clear_again(piece.first, piece.count() * pages_a_unit));
                } else {
                    runs_.mark_dirty({.first = gap.first, .end = target_.first});
                }
                using Unmoved = MovedPages<Source>::Unmoved;
                if (!moved_.move(runs_, piece, gap.first, Unmoved::stay) || is_done()) {
                    return false;
                }
            }
            units.first = piece.end;
        }
        return true;
    }

    Runs& runs_;
    MovedPages<Source>& moved_;
    UnitRange target_;
    Written written_;
    // Of fewer units new pages take their place: there would be too many parts.
    std::uint32_t least_ = 8;
};

}  // namespace slab
