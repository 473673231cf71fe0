// Where the memory of a hardened heap waits when it is free: a slab for its own class, so that no pointer
// to a block ever points to one of another class; a large block out of reach, for its turn.
#pragma once

#include "heap/runs.hpp"
#include "heap/unit_list.hpp"

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

    // How many slabs to take for a class that needs another one: if it has many it will soon need more.
    std::uint32_t slabs_at_once(std::size_t size_class) {
        constexpr std::uint8_t many = 8;
        constexpr std::uint32_t several = 4;
        return taken_[size_class] == many ? several : (++taken_[size_class], 1);
    }
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
        if (auto const pages = pages_of(runs, index); pages_ + pages <= most_pages(runs)) {
            pages_ += pages;
        } else {
            runs.decommit(index, slab.run_units);
        }
    }
    // Those that waited longest are for others, if there are many, or some that hold much.
    void put_large(Runs& runs, std::uint32_t index) {
        auto& large = runs.unit(index);
        leave(large);
        large.freed_at = runs.now();
        if (may_hold_pages(large)) {
            runs.hide(index, large.run_units);
        } else {
            runs.guard(index, large.run_units);
        }
        if (waiting_ == large_.size()) {
            let_go(runs);
        }
        large_[(oldest_ + waiting_++) % large_.size()] = index;
        large_pages_ += pages_of_large(runs, index);
        while (waiting_ > least_waiting && large_pages_ > most_pages(runs)) {
            let_go(runs);
        }
    }
    // Takes the pages away of what has waited for so many ticks.
    [[gnu::cold]] void purge(Runs& runs, std::uint32_t age_ticks) {
        auto const now = runs.now();
        for (std::size_t i = 0; i < waiting_; ++i) {
            auto const index = large_[(oldest_ + i) % large_.size()];
            auto const& large = runs.unit(index);
            if (may_hold_pages(large) && now - large.freed_at >= age_ticks) {
                large_pages_ -= pages_of_large(runs, index);
                runs.decommit(index, large.run_units);
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
    static bool may_hold_pages(Unit const& large) { return large.run_units <= most_hidden_units; }

    // So many pages of free slabs are kept for a while, and as many of large blocks: 8 MiB, and an eighth of what
    // the heap holds.
    static std::uint64_t most_pages(Runs const& runs) {
        constexpr std::uint64_t least = 2048;
        return least + (runs.pages_taken() - runs.pages_returned()) / 8;
    }
    static std::uint64_t pages_of(Runs const& runs, std::uint32_t index) {
        std::uint64_t pages = 0;
        for (auto i = index; i < index + runs.unit(index).run_units; ++i) {
            pages += runs.unit(i).committed_pages;
        }
        return pages;
    }

    static std::uint64_t pages_of_large(Runs const& runs, std::uint32_t index) {
        return may_hold_pages(runs.unit(index)) ? pages_of(runs, index) : 0;
    }

    // The large block that waited longest.
    void let_go(Runs& runs) {
        auto const index = large_[oldest_];
        oldest_ = (oldest_ + 1) % large_.size();
        --waiting_;
        large_pages_ -= pages_of_large(runs, index);
        runs.put(index, runs.unit(index).run_units);
    }

    static void leave(Unit& unit) {
        unit.kind = UnitKind::retired;
        unit.claim.set({});
    }

    std::array<std::uint8_t, class_count> taken_{};  // so many times, up to many
    std::array<UnitList, class_count> slabs_{};
    std::uint64_t pages_ = 0;  // of free slabs
    // Large blocks that wait, a ring: so many do in any case.
    static constexpr std::size_t least_waiting = 8;
    std::array<std::uint32_t, 32> large_{};
    std::size_t oldest_ = 0;
    std::size_t waiting_ = 0;
    std::uint64_t large_pages_ = 0;  // of them
};

}  // namespace slab
