// How many slabs a class of a thread's heap has, in two bytes, so that such a heap fits a page. A count that was
// ever at its most stays there: those are many, whatever happens.
#pragma once

#include <cstdint>

namespace slab {

class SlabCount {
  public:
    static constexpr std::uint16_t most = UINT16_MAX;

    constexpr std::uint16_t value() const { return value_; }
    constexpr SlabCount& operator++() {
        if (value_ != most) {
            ++value_;
        }
        return *this;
    }
    constexpr SlabCount& operator--() {
        if (value_ != most) {
            --value_;
        }
        return *this;
    }

  private:
    std::uint16_t value_ = 0;
};

}  // namespace slab
