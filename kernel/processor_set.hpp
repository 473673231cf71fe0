// A set of processors that each member enters and leaves by itself.
#pragma once

#include "machine/atomic.hpp"

#include <atomic>
#include <cstdint>

namespace quarry {

class Space;

// The running processor as a set.
std::uint64_t processor_bit();
// Whether it is the space that the running processor's translations are of.
bool is_active_here(Space const& space);

class ProcessorSet {
  public:
    std::uint64_t load() const { return word_.load(); }
    bool has(std::uint64_t bit) const { return (load() & bit) != 0; }
    // Whether the one that asks, a member, is alone.
    bool is_single() const { return machine::is_one(count_); }
    void enter(std::uint64_t bit) {
        count_.fetch_add(1);
        if ((word_.fetch_or(bit) & bit) != 0) {
            count_.fetch_sub(1);
        }
    }
    // Its word comes last: without members the space, and the set with it, may be gone.
    void leave(std::uint64_t bit) {
        if (has(bit)) {
            count_.fetch_sub(1);
            word_.fetch_and(~bit);
        }
    }

  private:
    std::atomic<std::uint64_t> word_ = 0;
    std::atomic<std::uint32_t> count_ = 0;  // counted before one enters, until it leaves
};

}  // namespace quarry
