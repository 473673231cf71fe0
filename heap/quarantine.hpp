// Freed blocks that rest: the next one of a class takes the place of a random one, which goes on.
#pragma once

#include "heap/size_class.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace slab {

class Quarantine {
  public:
    constexpr explicit Quarantine(std::uint64_t seed) : state_(seed | 1) {}

    // Takes a block in; the one that leaves for it, or 0.
    [[gnu::always_inline]] std::uintptr_t exchange(std::size_t size_class, std::uintptr_t block) {
        // A multiplicative congruential sequence, of which the high bits are the random ones: of period 2^62, since
        // the multiplier is 5 modulo 8 and the seed odd (Knuth, volume 2, sections 3.2.1.2 and 3.3.4).
        state_ *= 6364136223846793005u;
        auto const number = state_ >> (64 - most_shift) & masks[size_class];
        return block_in(std::exchange(places_[size_class][number], block));
    }
    // Calls visit(size class, block) for each.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
            for (auto const place : places_[size_class]) {
                if (place != 0) {
                    visit(size_class, block_in(place));
                }
            }
        }
    }

    // Lets all go, or those that were there already when this was last called: visit(block).
    enum class Which : bool { all, old };
    template <typename Visit>
    void let_go(Which which, Visit visit) {
        for (auto& places : places_) {
            for (auto& place : places) {
                if (place != 0 && (which == Which::all || (place & old) != 0)) {
                    visit(block_in(std::exchange(place, 0)));
                } else if (place != 0) {
                    place |= old;
                }
            }
        }
    }

  private:
    static constexpr unsigned most_shift = 4;
    static constexpr std::size_t most_places = std::size_t{1} << most_shift;
    // At most so many bytes rest in a class, or one block.
    static constexpr std::size_t most_bytes = 8192;
    static constexpr auto masks = [] {
        std::array<std::uint8_t, class_count> all{};
        for (std::size_t i = 0; i < class_count; ++i) {
            auto const places =
                std::clamp(most_bytes / class_bytes(i), std::size_t{1}, most_places);
            all[i] = static_cast<std::uint8_t>(std::bit_floor(places) - 1);
        }
        return all;
    }();

    // What is at a place: a block, and whether it is old. Or 0.
    static constexpr std::uintptr_t old = 1;
    static constexpr std::uintptr_t block_in(std::uintptr_t place) { return place & ~old; }

    std::uint64_t state_;
    std::array<std::array<std::uintptr_t, most_places>, class_count> places_{};
};

}  // namespace slab
