// Lists of units by index. Unit 0 is the heap's own and in no list, so that 0 is the end.
#pragma once

#include "heap/unit.hpp"

#include <cstdint>
#include <utility>

namespace slab {

// One word: what comes before the first unit is the last one.
class UnitList {
  public:
    constexpr UnitList() = default;
    std::uint32_t first() const { return first_; }
    std::uint32_t last(Unit const* units) const { return first_ != 0 ? units[first_].previous : 0; }

    void push(Unit* units, std::uint32_t index) {
        units[index].next = first_;
        units[index].previous = first_ != 0 ? std::exchange(units[first_].previous, index) : index;
        first_ = index;
    }
    void push_back(Unit* units, std::uint32_t index) {
        units[index].next = 0;
        if (first_ == 0) {
            units[index].previous = first_ = index;
            return;
        }
        auto const last = std::exchange(units[first_].previous, index);
        units[last].next = index;
        units[index].previous = last;
    }
    void remove(Unit* units, std::uint32_t index) {
        auto& unit = units[index];
        (index != first_ ? units[unit.previous].next : first_) = unit.next;
        if (auto const holder = unit.next != 0 ? unit.next : first_; holder != 0) {
            units[holder].previous = unit.previous;
        }
        unit.next = 0;
        unit.previous = 0;
    }

  private:
    std::uint32_t first_ = 0;
};

}  // namespace slab
