// The processors with nothing to run, and whether that will ever change.
#pragma once

#include "kernel/processor_set.hpp"

#include <atomic>
#include <cstdint>

namespace quarry {

class IdleSet {
  public:
    std::uint64_t load() const { return set_.load(); }
    void enter(std::uint64_t bit) { set_.enter(bit); }
    // Before its processor does anything that could make something run, in an interrupt too.
    void leave(std::uint64_t bit) {
        if (set_.has(bit)) {
            set_.leave(bit);
            departures_.fetch_add(1);
        }
    }
    // Whether `nothing_can_run`, and each of `all` has idled for as long as that took to find out. Else
    // one may have been about to run what a look at its queues no longer, or does not yet, show. Who
    // enters last and stays sees that all others do.
    template <typename Look>
    bool for_ever(std::uint64_t all, Look nothing_can_run) const {
        auto const before = departures_.load();
        return set_.load() == all && nothing_can_run() && set_.load() == all &&
               departures_.load() == before;
    }

  private:
    ProcessorSet set_;
    std::atomic<std::uint64_t> departures_ = 0;
};

}  // namespace quarry
