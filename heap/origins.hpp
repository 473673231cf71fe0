// Which units hold pages that came from elsewhere, and from where. A system keeps such pages in mappings of their own,
// of which a process has only so many: see CanTakeOver.
#pragma once

#include "heap/attributes.hpp"
#include "heap/unit_range.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

class Origins {
  public:
    constexpr Origins() = default;

    // Whether there may be as many parts more as so many moves make.
    bool has_room(std::uint32_t moves) const { return count_ + 3 * moves <= parts_.size(); }
    // How far what begins at a unit came from one place, at most up to `end`.
    [[gnu::noinline]] std::uint32_t end_of_part(UnitRange units) const {
        auto const first = units.first;
        auto end = units.end;
        for (std::uint32_t i = 0; i < count_; ++i) {
            auto const& part = parts_[i].place;
            if (part.first > first) {
                end = std::min(end, part.first);
            } else if (part.end > first) {
                end = std::min(end, part.end);
            }
        }
        return end;
    }
    bool is_any_in(UnitRange range) const {
        return std::any_of(parts_.begin(), parts_.begin() + count_, [&](Part const& part) {
            return !part.place.common_with(range).is_empty();
        });
    }
    // Pages of one part are at `to` now. Where they were it is as if there had never been any.
    SLAB_COLD void moved(UnitRange from, std::uint32_t to) {
        auto const shift = shift_at(from.first) + from.first - to;
        UnitRange const there{.first = to, .end = to + from.count()};
        forget(from);
        forget(there);
        if (shift != 0) {
            add({.place = there, .shift = shift});
        }
    }
    SLAB_COLD void forget(UnitRange range) {
        for (std::uint32_t i = 0; i < count_;) {
            auto const part = parts_[i];
            if (part.place.common_with(range).is_empty()) {
                ++i;
                continue;
            }
            parts_[i] = parts_[--count_];
            add_if_any(part, {.first = part.place.first, .end = range.first});
            add_if_any(part, {.first = range.end, .end = part.place.end});
        }
    }
    // Forgets parts of which it says so.
    template <typename IsOver>
    void forget_if(IsOver is_over) {
        for (std::uint32_t i = 0; i < count_;) {
            if (is_over(parts_[i].place)) {
                parts_[i] = parts_[--count_];
            } else {
                ++i;
            }
        }
    }

  private:
    struct Part {
        UnitRange place;
        std::uint32_t shift;  // to the place it is from, modulo 2^32
    };

    std::uint32_t shift_at(std::uint32_t index) const {
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (parts_[i].place.first <= index && index < parts_[i].place.end) {
                return parts_[i].shift;
            }
        }
        return 0;
    }
    void add(Part part) {
        for (std::uint32_t i = 0; i < count_;) {
            auto const& other = parts_[i];
            bool const adjoins =
                other.place.end == part.place.first || part.place.end == other.place.first;
            if (adjoins && other.shift == part.shift) {
                part.place = part.place.joined_with(other.place);
                parts_[i] = parts_[--count_];
            } else {
                ++i;
            }
        }
        parts_[count_++] = part;
    }
    void add_if_any(Part const& part, UnitRange rest) {
        if (rest.first < rest.end) {
            parts_[count_++] = {.place = rest, .shift = part.shift};
        }
    }

    std::array<Part, 512> parts_{};
    std::uint32_t count_ = 0;
};

}  // namespace slab
