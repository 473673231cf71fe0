// A set of processors that each member enters and leaves by itself.
#pragma once

#include <atomic>
#include <cstdint>

namespace quarry {

// The running processor as a set.
std::uint64_t processor_bit();

class ProcessorSet {
  public:
    std::uint64_t load() const { return word_.load(); }
    void enter(std::uint64_t bit) { word_.fetch_or(bit); }
    void leave(std::uint64_t bit) { word_.fetch_and(~bit); }
    // leave() of a member: one instruction less.
    void leave_as_member(std::uint64_t bit) { word_.fetch_sub(bit); }

  private:
    std::atomic<std::uint64_t> word_ = 0;
};

}  // namespace quarry
