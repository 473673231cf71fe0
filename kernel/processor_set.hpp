// A set of processors that each member enters and leaves by itself.
#pragma once

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
    void enter(std::uint64_t bit) { word_.fetch_or(bit); }
    void leave(std::uint64_t bit) { word_.fetch_and(~bit); }

  private:
    std::atomic<std::uint64_t> word_ = 0;
};

}  // namespace quarry
