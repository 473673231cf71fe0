// Large blocks of a hardened heap that were freed: all zero, they wait until others have followed them.
#pragma once

#include "heap/attributes.hpp"
#include "heap/runs.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

// Under the arena's lock.
template <PageSource Source>
class Resting {
  public:
    using Runs = slab::Runs<Source>;

    // Those that waited longest are for others, if there are many, or some that hold much.
    void put(Runs& runs, std::uint32_t index, Owner owner) {
        auto& large = runs.unit(index);
        large.kind = UnitKind::resting;
        large.claim.set({});
        large.freed_at = runs.looked_at();
        if (count_ == blocks_.size()) {
            let_go(runs, owner);
        }
        blocks_[(oldest_ + count_++) % blocks_.size()] = index;
        pages_ += runs.held_pages(run_of(runs, index));
        while (count_ > 1 && pages_ > most_pages(runs)) {
            let_go(runs, owner);
        }
    }
    // Takes the pages away of what has waited for so many ticks.
    SLAB_COLD void purge(Runs& runs, std::uint32_t age_ticks) {
        auto const now = runs.looked_at();
        (void)for_each(runs, [&](UnitRange run) {
            if (now - runs.unit(run.first).freed_at >= age_ticks) {
                runs.decommit(run.first, run.count());
            }
            return true;
        });
    }
    // Calls visit(units) for each that has pages, the one that waited longest first, until it says false. It may take its
    // pages. Whether it never did.
    template <typename Visit>
    bool for_each(Runs& runs, Visit visit) {
        for (std::size_t i = 0; i < count_; ++i) {
            auto const run = run_of(runs, blocks_[(oldest_ + i) % blocks_.size()]);
            auto const before = runs.held_pages(run);
            bool const goes_on = before == 0 || visit(run);
            pages_ -= before - runs.held_pages(run);
            if (!goes_on) {
                return false;
            }
        }
        return true;
    }

  private:
    // 1 MiB, and little of what the heap holds: what has been zero for long is in no cache.
    static std::uint64_t most_pages(Runs const& runs) { return 256 + runs.held_pages() / 64; }
    static UnitRange run_of(Runs const& runs, std::uint32_t index) {
        return {.first = index, .end = index + runs.unit(index).run_units};
    }
    [[gnu::noinline]] void let_go(Runs& runs, Owner owner) {
        auto const run = run_of(runs, blocks_[oldest_]);
        oldest_ = (oldest_ + 1) % blocks_.size();
        --count_;
        pages_ -= runs.held_pages(run);
        runs.put(run.first, run.count(), owner);
    }

    std::array<std::uint32_t, 32> blocks_{};  // a ring
    std::size_t oldest_ = 0;
    std::size_t count_ = 0;
    std::uint64_t pages_ = 0;  // of them
};

}  // namespace slab
