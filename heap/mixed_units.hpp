// Mixed units: slabs of which few blocks were left serve small blocks of any size, which lie where there is room among
// those. So what survives of one size does not keep what others need.
#pragma once

#include "heap/attributes.hpp"
#include "heap/claim.hpp"
#include "heap/granules.hpp"
#include "heap/runs.hpp"
#include "heap/unit_list.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>

namespace slab {

// Of a mixed unit.
inline Granules& granules_of(Unit const& unit) { return *reinterpret_cast<Granules*>(unit.free); }

// Blocks of one unit, by their first granules.
struct MixedBlocks {
    static constexpr std::uint32_t most = 16;
    std::uint32_t unit = 0;
    std::uint32_t count = 0;
    std::array<std::uint16_t, most> first;
};

// Under the arena's lock. Of the fields of such a unit, `free` is where its Granules are, `carved` how many of them are
// in use, and absent_pages() those that nobody gets.
template <PageSource Source>
class MixedUnits {
  public:
    using Runs = slab::Runs<Source>;

    // Whether a block may be had. Without the lock: one that has just come may not be seen yet.
    bool has_room() const { return has_room_.load(std::memory_order_relaxed); }

    static std::uint32_t granule_at(Runs const& runs, Unit const& unit, std::uintptr_t address) {
        auto const memory = runs.address_of(runs.index_of(unit));
        return static_cast<std::uint32_t>((address - memory) / quantum);
    }
    // How many granules the block in use has that begins at an address in the unit; 0, if none does.
    static std::uint32_t length_at(Runs const& runs, Unit const& unit, std::uintptr_t address) {
        auto const first = granule_at(runs, unit, address);
        auto const& granules = granules_of(unit);
        return address % quantum == 0 && granules.begins(first) ? granules.length(first) : 0;
    }

    // A unit that is one from now on. Its free pages stay for now, since it has the most room for others.
    void add(Runs& runs, Unit& unit, Owner user) {
        note(user);
        list(runs, unit);
    }
    // Blocks of so many granules each, at most `most`; none, if there is no room. Each unit is gone through once, and again
    // when much of it is free.
    void take(Runs& runs, std::uint32_t count, std::uint32_t most, Owner user,
              MixedBlocks& blocks) {
        note(user);
        for (; with_room_.first() != 0; leave(runs, with_room_.first())) {
            auto& unit = runs.unit(with_room_.first());
            auto& granules = granules_of(unit);
            auto at = place_of(unit);
            while (blocks.count != most && (at = granules.find(at, count)) != granules_a_unit) {
                granules.place(at, count);
                blocks.first[blocks.count++] = static_cast<std::uint16_t>(at);
                at += count;
            }
            place_of(unit) = at;
            unit.carved += blocks.count * count;
            if (blocks.count != 0) {
                blocks.unit = runs.index_of(unit);
                return;
            }
        }
        has_room_.store(false, std::memory_order_relaxed);
    }
    // Whether nobody else ever added any, or took of them.
    bool is_only_user(Owner user) const { return user_ == user && !has_several_users_; }
    // A block is free. Whether it was the unit's last one, which is in no list then.
    bool remove(Runs& runs, Unit& unit, std::uint32_t first, std::uint32_t count) {
        constexpr std::uint32_t much = granules_a_unit / 8;
        granules_of(unit).remove(first, count);
        unit.carved -= count;
        bool const was_left = place_of(unit) == left;
        if (unit.carved == 0) {
            (was_left ? without_ : with_room_).remove(runs.units(), runs.index_of(unit));
            return true;
        }
        if (was_left && unit.carved + much <= used_when_left(unit)) {
            without_.remove(runs.units(), runs.index_of(unit));
            list(runs, unit);
        }
        return false;
    }
    // Pages of which nothing is in use go back.
    void release_free_pages(Runs& runs) {
        for (auto const& units : {with_room_, without_}) {
            for (auto index = units.first(); index != 0; index = runs.unit(index).next) {
                release_free_pages(runs, runs.unit(index));
            }
        }
    }

  private:
    // Where the next block is looked for, or that the unit was left, and how many granules were in use then.
    static std::uint32_t& place_of(Unit& unit) { return unit.until_change; }
    static constexpr std::uint32_t left = UINT32_MAX;
    static std::uint32_t& used_when_left(Unit& unit) { return unit.freed_at; }

    void note(Owner user) {
        has_several_users_ |= user_.value_or(user) != user;
        user_ = user;
    }
    void list(Runs& runs, Unit& unit) {
        place_of(unit) = 0;
        with_room_.push(runs.units(), runs.index_of(unit));
        has_room_.store(true, std::memory_order_relaxed);
    }
    void leave(Runs& runs, std::uint32_t index) {
        auto& unit = runs.unit(index);
        place_of(unit) = left;
        used_when_left(unit) = unit.carved;
        with_room_.remove(runs.units(), index);
        without_.push(runs.units(), index);
    }
    SLAB_COLD static void release_free_pages(Runs& runs, Unit& unit) {
        std::uint32_t leaving = 0;
        for (std::uint32_t page = 0; page != pages_a_unit; ++page) {
            if (granules_of(unit).is_page_free(page)) {
                granules_of(unit).bar_page(page);
                leaving |= std::uint32_t{1} << page;
            }
        }
        unit.set_absent_pages(unit.absent_pages() | leaving);
        runs.discard(runs.index_of(unit), leaving);
    }

    UnitList with_room_;
    UnitList without_;
    std::atomic<bool> has_room_ = false;
    std::optional<Owner> user_;  // the last one
    bool has_several_users_ = false;
};

}  // namespace slab
