// Runs of units in the heap's window: the address space of slabs and large blocks. Free neighbours
// merge at once (boundary tags: Knuth, volume 1, section 2.5). Pages of a free run stay committed
// until they are purged. Under the arena's lock.
#pragma once

#include "heap/free_run.hpp"
#include "heap/page_source.hpp"
#include "heap/unit.hpp"
#include "heap/unit_list.hpp"
#include "heap/unit_pages.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace slab {

template <PageSource Source>
class Runs : public UnitPages<Source> {
  public:
    using Base = UnitPages<Source>;
    using Base::Base;
    using Base::decommit;
    using Base::looked_at;
    using Base::unit;
    using Base::units;
    using Base::used_units;

    // `count` units, the first at a multiple of `align_units`, a power of two. 0 when the window or
    // memory for metadata is used up. Of their pages some may be committed.
    std::uint32_t take(std::uint32_t count, std::uint32_t align_units, Owner owner) {
        auto const place = find_free(count, align_units, owner);
        if (place.run != 0) {
            return cut(unlink(place.run), place.first, count);
        }
        FreeRun const fresh{.units = Base::extend(count, align_units), .holding = {}};
        return fresh.units.is_empty()
                   ? 0
                   : cut(fresh, Base::aligned(fresh.units.first, align_units), count);
    }

    // Gives `count` units back.
    void put(std::uint32_t first, std::uint32_t count, Owner owner) {
        auto const end = first + count;
        for (auto i = first; i < end; ++i) {
            auto& freed = unit(i);
            freed.claim.set({});
            freed.kind = UnitKind::untouched;
            freed.set_last_owner(owner);
        }
        UnitRange const range{.first = first, .end = end};
        FreeRun run{.units = range, .holding = range, .freed_at = looked_at()};
        if constexpr (!HasClock<Source>) {
            take_pages_of(run.holding);
            run.holding = {};
        }
        if (is_at_edge_of_free(first - 1)) {
            run.join(unlink(first - unit(first - 1).run_units));
        }
        if (is_at_edge_of_free(end)) {
            run.join(unlink(end));
        }
        give(run);
    }

    // Grows a run in place into the free one behind it. False if there is none long enough.
    bool grow(std::uint32_t first, std::uint32_t from_units, std::uint32_t to_units) {
        auto const after = first + from_units;
        auto const end = first + to_units;
        if (!is_at_edge_of_free(after) || after + unit(after).run_units < end) {
            return false;
        }
        cut(unlink(after), after, end - after);
        return true;
    }

    // Takes the pages of runs away that have been free for so many ticks, or leaves them to others, if the source can.
    void purge(std::uint32_t age_ticks) {
        auto const time = looked_at();
        for (auto& list : free_) {
            for (auto index = list.first(); index != 0; index = unit(index).next) {
                if (auto run = FreeRun::read(units(), index); time - run.freed_at >= age_ticks) {
                    if (!Base::purge_lazily(run.holding)) {
                        take_pages_of(run.holding);
                    }
                    run.holding = {};
                    run.write_holding(units());
                }
            }
        }
    }
    // Takes so many pages of free runs away, if there are as many: the longest runs first, from their ends.
    void shed(std::size_t pages) {
        for (auto bucket = bucket_count; bucket-- != 0 && pages != 0;) {
            for (auto index = free_[bucket].first(); index != 0 && pages != 0;
                 index = unit(index).next) {
                auto run = FreeRun::read(units(), index);
                auto from = run.holding.end;
                while (from != run.holding.first && pages != 0) {
                    pages -= std::min<std::size_t>(pages, unit(--from).committed_pages);
                }
                decommit(from, run.holding.end - from);
                run.holding.end = from;
                run.write_holding(units());
            }
        }
    }

    // Calls visit(units) for each free run that has pages, the longest first, until it says false. Whether it never did.
    template <typename Visit>
    bool for_each_holding(Visit visit) {
        for (auto bucket = bucket_count; bucket-- != 0;) {
            for (auto index = free_[bucket].first(); index != 0; index = unit(index).next) {
                auto run = FreeRun::read(units(), index);
                while (!run.holding.is_empty() && unit(run.holding.first).committed_pages == 0) {
                    ++run.holding.first;
                }
                run.write_holding(units());
                if (!run.holding.is_empty() && !visit(run.holding)) {
                    return false;
                }
            }
        }
        return true;
    }

    // Gives the whole window back.
    void release() {
        if (used_units() != 0) {
            decommit(0, used_units());
            Base::release_window();
        }
    }

  private:
    static constexpr std::size_t bucket_count = 32;
    static std::size_t bucket_of(UnitRange range) {
        return static_cast<std::size_t>(std::bit_width(range.count())) - 1;
    }

    void take_pages_of(UnitRange range) { decommit(range.first, range.count()); }
    bool is_at_edge_of_free(std::uint32_t index) const {
        return index < used_units() && unit(index).kind == UnitKind::free_run;
    }

    void give(FreeRun const& run) {
        if (!run.units.is_empty()) {
            run.write(units());
            free_[bucket_of(run.units)].push(units(), run.units.first);
        }
    }
    [[gnu::noinline]] FreeRun unlink(std::uint32_t first) {
        auto const run = FreeRun::read(units(), first);
        free_[bucket_of(run.units)].remove(units(), first);
        unit(first).kind = UnitKind::untouched;
        unit(run.units.end - 1).kind = UnitKind::untouched;
        return run;
    }
    // Takes units of a run; the others are free. The first one.
    [[gnu::noinline]] std::uint32_t cut(FreeRun const& run, std::uint32_t first,
                                        std::uint32_t count) {
        give(run.part({.first = run.units.first, .end = first}));
        give(run.part({.first = first + count, .end = run.units.end}));
        return first;
    }
    struct Place {
        std::uint32_t run = 0;  // 0: none
        std::uint32_t first = 0;
    };
    // First fit in the request's own bucket, then any of the larger ones. But rather, if they are soon found, units that were
    // the owner's: they are in its processor's caches, and in no other one's. Single ones are looked for within runs, too;
    // several at their ends, for what is cut from the middle leaves two short ones.
    Place find_free(std::uint32_t count, std::uint32_t align_units, Owner owner) const {
        Place found;
        unsigned looks = 64;
        for (auto bucket = bucket_of({.first = 0, .end = count}); bucket < bucket_count; ++bucket) {
            for (auto run = free_[bucket].first(); run != 0; run = unit(run).next) {
                auto const end = run + unit(run).run_units;
                auto const front = Base::aligned(run, align_units);
                if (front + count > end) {
                    continue;
                }
                if (found.run == 0) {
                    found = {run, front};
                }
                auto const back = (end - count) & ~(align_units - 1);
                auto const step = count == 1 ? 1 : std::max(back - front, 1u);
                for (auto first = front; first <= back; first += step) {
                    if (unit(first).last_owner() == owner) {
                        return {run, first};
                    }
                    if (--looks == 0) {
                        return found;
                    }
                }
            }
        }
        return found;
    }

    std::array<UnitList, bucket_count> free_{};
};

}  // namespace slab
