// Where the memory of a hardened heap waits when it is free: a slab for its own class, so that no pointer
// to a block ever points to one of another class; a large block out of reach, for its turn.
#pragma once

#include "heap/runs.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

// Under the arena's lock.
template <PageSource Source>
class Retired {
  public:
    using Runs = slab::Runs<Source>;

    // A slab of the class that waits, or 0. Its pages may be what they were.
    std::uint32_t take_slab(Runs& runs, std::size_t size_class) {
        auto& list = slabs_[size_class];
        auto const index = list.first();
        if (index != 0) {
            list.remove(runs.units(), index);
            pages_ -= std::min(pages_, pages_of(runs, index));
        }
        return index;
    }
    void put_slab(Runs& runs, std::uint32_t index) {
        auto& slab = runs.unit(index);
        leave(slab);
        slab.freed_at = runs.now();
        slabs_[slab.size_class].push(runs.units(), index);
        auto const held = runs.pages_taken() - runs.pages_returned();
        if (auto const pages = pages_of(runs, index); pages_ + pages <= least_pages + held / 8) {
            pages_ += pages;
        } else {
            runs.decommit(index, slab.run_units);
        }
    }
    // The one that waited longest is for others.
    void put_large(Runs& runs, std::uint32_t index) {
        auto& large = runs.unit(index);
        leave(large);
        large.freed_at = runs.now();
        if (large.run_units <= most_hidden_units) {
            runs.hide(index, large.run_units);
        } else {
            runs.guard(index, large.run_units);
        }
        auto const oldest = large_[turn_];
        large_[turn_] = index;
        turn_ = (turn_ + 1) % large_.size();
        if (oldest != 0) {
            runs.put(oldest, runs.unit(oldest).run_units);
        }
    }
    // Takes the pages away of what has waited for so many ticks.
    void purge(Runs& runs, std::uint32_t age_ticks) {
        auto const now = runs.now();
        for (auto const index : large_) {
            if (index != 0 && now - runs.unit(index).freed_at >= age_ticks) {
                runs.decommit(index, runs.unit(index).run_units);
            }
        }
        for (auto const& list : slabs_) {
            for (auto index = list.first(); index != 0; index = runs.unit(index).next) {
                if (now - runs.unit(index).freed_at >= age_ticks) {
                    pages_ -= std::min(pages_, pages_of(runs, index));
                    runs.decommit(index, runs.unit(index).run_units);
                }
            }
        }
    }

  private:
    // Up to 2 MiB to keep pages and clear them for the next block costs less than to fetch new ones.
    static constexpr std::uint32_t most_hidden_units = (std::uint32_t{2} << 20 >> unit_shift) + 2;

    // So many pages of free slabs are kept for a while, and an eighth of what the heap holds.
    static constexpr std::uint64_t least_pages = 2048;
    static std::uint64_t pages_of(Runs const& runs, std::uint32_t index) {
        std::uint64_t pages = 0;
        for (auto i = index; i < index + runs.unit(index).run_units; ++i) {
            pages += runs.unit(i).committed_pages;
        }
        return pages;
    }

    static void leave(Unit& unit) {
        unit.kind = UnitKind::retired;
        unit.owner.store(0, std::memory_order_relaxed);
        unit.hold_no_blocks();
    }

    std::array<UnitList, class_count> slabs_{};
    std::uint64_t pages_ = 0;                // of free slabs
    std::array<std::uint32_t, 32> large_{};  // a ring
    std::size_t turn_ = 0;
};

}  // namespace slab
