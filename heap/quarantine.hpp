// Freed blocks that rest: the next one of a class takes the place of a random one, which goes on.
#pragma once

#include "heap/size_class.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

class Quarantine {
  public:
    constexpr explicit Quarantine(std::uint64_t seed) : state_(seed | 1) {}

    // Takes a block in; the one that leaves for it, or 0.
    std::uintptr_t exchange(std::size_t size_class, std::uintptr_t block) {
        auto& place = places_[size_class][next_random() % places_of(size_class)];
        auto const other = place;
        place = block;
        return other;
    }
    // Calls visit(size class, place) for every block; a place may be cleared.
    template <typename Visit>
    void for_each(Visit visit) {
        for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
            for (auto& place : places_[size_class]) {
                if (place != 0) {
                    visit(size_class, place);
                }
            }
        }
    }

  private:
    static constexpr std::size_t most_places = 16;
    // At most so many bytes rest in a class, or one block.
    static constexpr std::size_t most_bytes = 8192;
    static constexpr std::size_t places_of(std::size_t size_class) {
        return std::clamp(most_bytes / class_bytes(size_class), std::size_t{1}, most_places);
    }
    // Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
    std::uint64_t next_random() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ >> 32;
    }

    std::uint64_t state_;
    std::array<std::array<std::uintptr_t, most_places>, class_count> places_{};
};

}  // namespace slab
