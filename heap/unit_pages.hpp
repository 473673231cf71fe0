// Which pages of units are usable. The pages of a run are its owner's: none of this needs the arena's lock but for
// runs that are free.
#pragma once

#include "heap/attributes.hpp"
#include "heap/page_contents.hpp"
#include "heap/page_source.hpp"
#include "heap/unit.hpp"
#include "heap/unit_range.hpp"
#include "heap/window.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace slab {

inline constexpr std::size_t pages_a_unit = unit_bytes / page_bytes;

template <PageSource Source>
class UnitPages : public Window<Source> {
  public:
    using Base = Window<Source>;
    using Base::address_of;
    using Base::Base;
    using Base::source;
    using Base::unit;

    // Makes the first pages of a run usable that are not yet. Its owner calls it, without the lock.
    // dirty: some are not known to be zero; `held` is what those are that were usable before.
    // Those from page `touched` on, by default none, will soon be touched, if the source likes to know.
    Committed commit(std::uint32_t first, std::size_t pages, Committed held = Committed::dirty,
                     std::size_t touched = SIZE_MAX) {
        auto result = Committed::zeroed;
        for (std::size_t done = 0; done < pages;) {
            auto const usable = unit(first + done / pages_a_unit).committed_pages;
            auto const wanted = std::min(pages_a_unit, pages - done);
            if (usable != 0) {
                result = held == Committed::dirty ? held : result;
            }
            if (usable >= wanted) {
                done += pages_a_unit;
                continue;
            }
            auto const from = done + usable;
            auto const to = end_of_missing(first, done, pages);
            if (!commit_pages(first, from, to, result)) {
                return Committed::failed;
            }
            if constexpr (CanPopulate<Source>) {
                if (auto const begin = std::max(from, touched); begin < to) {
                    source().populate(at(address_of(first) + begin * page_bytes),
                                      (to - begin) * page_bytes);
                }
            }
            done = (to + pages_a_unit - 1) / pages_a_unit * pages_a_unit;
        }
        return result;
    }

    // Whether the first pages of a run are usable. Not each unit's are, if the last one's are: a run may
    // consist of several that were free.
    bool is_committed(std::uint32_t first, std::size_t pages) const {
        for (std::size_t done = 0; done < pages; done += pages_a_unit) {
            if (unit(first + done / pages_a_unit).committed_pages <
                std::min(pages_a_unit, pages - done)) {
                return false;
            }
        }
        return true;
    }

    // Takes the pages of units away.
    void decommit(std::uint32_t first, std::uint32_t count) {
        for (auto i = first; i < first + count;) {
            if (unit(i).committed_pages == 0) {
                ++i;
                continue;
            }
            auto const from = i;
            std::size_t pages = 0;
            do {
                pages = (i - from) * pages_a_unit + unit(i).committed_pages;
                unit(i).committed_pages = 0;
                unit(i).is_dirty = false;
                ++i;
            } while (i < first + count && pages % pages_a_unit == 0 &&
                     unit(i).committed_pages != 0);
            decommit_range(address_of(from), pages);
        }
    }
    // Leaves them to whoever needs memory: they stay committed. False if the source does not do that.
    bool purge_lazily(UnitRange range) {
        if constexpr (CanPurgeLazily<Source>) {
            return !range.is_empty() &&
                   source().purge_lazy(at(address_of(range.first)), range.count() * unit_bytes);
        } else {
            return false;
        }
    }
    // Takes all but the first pages of a run away.
    void decommit_behind(std::uint32_t first, std::uint32_t count, std::size_t pages) {
        auto const whole = static_cast<std::uint32_t>((pages + pages_a_unit - 1) / pages_a_unit);
        if (auto const kept = pages % pages_a_unit; kept != 0) {
            auto& last = unit(first + whole - 1);
            if (last.committed_pages > kept) {
                decommit_range(address_of(first + whole - 1) + kept * page_bytes,
                               last.committed_pages - kept);
                last.committed_pages = static_cast<std::uint8_t>(kept);
            }
        }
        decommit(first + whole, count - whole);
    }

    // Takes some of a run's first 32 pages away, a bit each, which stay usable; they count as committed.
    void discard(std::uint32_t first, std::uint32_t pages) {
        while (pages != 0) {
            auto const from = static_cast<std::size_t>(std::countr_zero(pages));
            auto const length = static_cast<std::size_t>(std::countr_one(pages >> from));
            decommit_range(address_of(first) + from * page_bytes, length);
            pages &= static_cast<std::uint32_t>(~(((std::uint64_t{1} << length) - 1) << from));
        }
    }
    // Takes all pages of units away at once, of which so many are absent already. Their owners are told some time, and
    // forget them.
    SLAB_COLD void take_away(UnitRange range, std::size_t absent_pages) {
        source().decommit(at(address_of(range.first)), range.count() * unit_bytes);
        count_returned(held_pages(range) - absent_pages);
    }
    SLAB_COLD void forget_taken_away(UnitRange range) {
        for (auto i = range.first; i != range.end; ++i) {
            unit(i).committed_pages = 0;
        }
    }
    // Some of them are in use again, or are to be like all others.
    void count_restored(std::size_t pages) { count_taken(pages); }

    // Puts units out of reach, if the source can. What one alone holds stays there, for who has it next; the pages of
    // several are taken away.
    void guard(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            if (count == 1 && (unit(first).reach != Reach::open || hide(first))) {
                return;
            }
            unguard(first, count);
            if (source().guard(at(address_of(first)), count * unit_bytes)) {
                std::uint64_t pages = 0;
                for (auto i = first; i < first + count; ++i) {
                    pages += unit(i).committed_pages;
                    unit(i).committed_pages = 0;
                    unit(i).reach = Reach::guarded;
                }
                count_returned(pages);
                return;
            }
        }
        decommit(first, count);
    }
    // The opposite.
    void unguard(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            for (auto i = first; i < first + count;) {
                auto const from = i;
                Reach const reach = unit(from).reach;
                for (; i < first + count && unit(i).reach == reach; ++i) {
                    unit(i).reach = Reach::open;
                }
                auto* const begin = at(address_of(from));
                if (reach == Reach::guarded) {
                    source().unguard(begin, (i - from) * unit_bytes);
                } else if (reach == Reach::hidden) {
                    source().show(begin, (i - from) * unit_bytes);
                }
            }
        }
    }

    // Makes the first pages of a run zero, as far as they are committed.
    void clear(std::uint32_t first, std::size_t pages) {
        for_each_committed(first, pages, [&](std::uintptr_t address, std::size_t count) {
            contents().clear(address, count);
        });
    }
    void mark_dirty(UnitRange range) {
        for (auto i = range.first; i != range.end; ++i) {
            unit(i).is_dirty = true;
        }
    }
    void clear_dirty(UnitRange range) {
        for (auto i = range.first; i != range.end; ++i) {
            if (unit(i).is_dirty) {
                unit(i).is_dirty = false;
                __builtin_memset(reinterpret_cast<void*>(address_of(i)), 0,
                                 unit(i).committed_pages * page_bytes);
            }
        }
    }
    // Where in the first pages of a run something is not zero that was; 0: nowhere. Afterwards they are zero.
    std::uintptr_t clear_again(std::uint32_t first, std::size_t pages) {
        std::uintptr_t found = 0;
        for_each_committed(first, pages, [&](std::uintptr_t address, std::size_t count) {
            auto const here = contents().clear_again(address, count);
            found = found != 0 ? found : here;
        });
        return found;
    }

    // Moves the pages of one run to another, which has at least as many units. Its own go to the first one, or
    // are lost. False if the source cannot.
    enum class Others : bool { are_lost, are_kept };
    SLAB_COLD bool move_pages(std::uint32_t from, std::uint32_t to, std::size_t pages,
                              Others others) {
        if constexpr (CanRemap<Source>) {
            auto const units =
                static_cast<std::uint32_t>((pages + pages_a_unit - 1) / pages_a_unit);
            if constexpr (CanExchange<Source>) {
                if (others == Others::are_kept && holds_much(to, units)) {
                    return exchange_pages(from, to, units);
                }
            }
            decommit(to, units);
            decommit_behind(from, units, pages);  // the last unit may have more from before
            if (!source().remap(at(address_of(from)), at(address_of(to)), pages * page_bytes)) {
                return false;
            }
            for (std::uint32_t i = 0; i < units; ++i) {
                unit(to + i).committed_pages = unit(from + i).committed_pages;
                unit(from + i).committed_pages = 0;
            }
            return true;
        } else {
            return false;
        }
    }

    // Moves pages of units to others, none of which is touched yet, at once. False: nothing was moved.
    bool take_over(std::uint32_t from, std::uint32_t to, std::uint32_t count)
        requires CanTakeOver<Source>
    {
        if (!source().take_over(at(address_of(from)), at(address_of(to)), count * unit_bytes)) {
            return false;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            auto& there = unit(to + i).committed_pages;
            there = std::max(there, std::exchange(unit(from + i).committed_pages, 0));
            unit(from + i).is_dirty = false;
        }
        return true;
    }
    // What pages of units hold, to others that are committed.
    void copy(UnitRange from, std::uint32_t to) {
        for (; !from.is_empty(); ++from.first, ++to) {
            __builtin_memcpy(at(address_of(to)), at(address_of(from.first)),
                             unit(from.first).committed_pages * page_bytes);
        }
    }
    void renew(UnitRange range)
        requires CanTakeOver<Source>
    {
        source().renew(at(address_of(range.first)), range.count() * unit_bytes);
        auto const pages = held_pages(range);
        for (auto i = range.first; i != range.end; ++i) {
            unit(i).committed_pages = 0;
            unit(i).is_dirty = false;
        }
        count_returned(pages);
    }
    using Base::held_pages;
    std::size_t held_pages(UnitRange range) const {
        std::size_t pages = 0;
        for (auto i = range.first; i != range.end; ++i) {
            pages += unit(i).committed_pages;
        }
        return pages;
    }
    // The first of units in a row that have all their pages, and may be touched; and that have none.
    UnitRange full_part(UnitRange range) const {
        return part(range, [&](std::uint32_t i) {
            return unit(i).committed_pages == pages_a_unit && unit(i).reach == Reach::open;
        });
    }
    UnitRange empty_part(UnitRange range) const {
        return part(range, [&](std::uint32_t i) { return unit(i).committed_pages == 0; });
    }

    // How many of the first pages of a run are not usable yet.
    std::size_t missing_pages(std::uint32_t first, std::size_t pages) const {
        std::size_t missing = 0;
        for (std::size_t done = 0; done < pages; done += pages_a_unit) {
            auto const here = std::min(pages_a_unit, pages - done);
            auto const held = unit(first + done / pages_a_unit).committed_pages;
            missing += here > held ? here - held : 0;
        }
        return missing;
    }

  private:
    template <typename Wanted>
    static UnitRange part(UnitRange range, Wanted is_wanted) {
        while (!range.is_empty() && !is_wanted(range.first)) {
            ++range.first;
        }
        auto end = range.first;
        while (end != range.end && is_wanted(end)) {
            ++end;
        }
        return {.first = range.first, .end = end};
    }
    auto contents() {
        auto const drop = [this](std::uintptr_t address, std::size_t pages) {
            drop_pages(address, pages);
        };
        return PageContents<Source, decltype(drop)>(source(), drop);
    }
    // Takes pages away; units of which all are taken have none then, others are usable as before.
    void drop_pages(std::uintptr_t address, std::size_t pages) {
        source().decommit(at(address), pages * page_bytes);
        auto const offset = address - address_of(0);
        auto const end = (offset + pages * page_bytes) >> unit_shift;
        for (auto i = (offset + unit_bytes - 1) >> unit_shift; i < end; ++i) {
            count_returned(std::exchange(unit(i).committed_pages, 0));
        }
    }
    // Calls visit(address, pages) for those of the first pages of a run that are committed.
    template <typename Visit>
    void for_each_committed(std::uint32_t first, std::size_t pages, Visit visit) {
        for (std::size_t from = 0; from < pages;) {
            auto end = from;
            std::size_t usable = 0;
            do {
                auto const index = first + static_cast<std::uint32_t>(end / pages_a_unit);
                usable = std::min<std::size_t>(unit(index).committed_pages, pages - end);
                end += usable;
            } while (usable == pages_a_unit && end < pages);
            if (end != from) {
                visit(address_of(first) + from * page_bytes, end - from);
            }
            from = (end / pages_a_unit + 1) * pages_a_unit;
        }
    }
    // Puts a unit out of reach with what it holds, if the source can.
    bool hide(std::uint32_t index) {
        if (unit(index).committed_pages == 0 || !source().hide(at(address_of(index)), unit_bytes)) {
            return false;
        }
        unit(index).reach = Reach::hidden;
        return true;
    }
    // The end of the pages from `done` on that must be committed and adjoin each other.
    std::size_t end_of_missing(std::uint32_t first, std::size_t done, std::size_t pages) const {
        auto end = std::min(pages, done + pages_a_unit);
        while (end < pages && unit(first + end / pages_a_unit).committed_pages == 0) {
            end = std::min(pages, end + pages_a_unit);
        }
        return end;
    }
    bool commit_pages(std::uint32_t first, std::size_t from, std::size_t to, Committed& result) {
        auto const got = commit_range(address_of(first) + from * page_bytes, to - from);
        if (got == Committed::failed) {
            return false;
        }
        if (got == Committed::dirty) {
            result = got;
        }
        for (auto page = from / pages_a_unit * pages_a_unit; page < to; page += pages_a_unit) {
            unit(first + static_cast<std::uint32_t>(page / pages_a_unit)).committed_pages =
                static_cast<std::uint8_t>(std::min(pages_a_unit, to - page));
        }
        return true;
    }
    bool holds_much(std::uint32_t first, std::uint32_t count) const {
        std::size_t pages = 0;
        for (auto i = first; i < first + count; ++i) {
            pages += unit(i).committed_pages;
        }
        return pages > count * pages_a_unit / 8;
    }
    // The pages at both places stay what they are, at each other's.
    bool exchange_pages(std::uint32_t one, std::uint32_t other, std::uint32_t count) {
        if (!source().exchange(at(address_of(one)), at(address_of(other)), count * unit_bytes)) {
            return false;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            std::swap(unit(one + i).committed_pages, unit(other + i).committed_pages);
        }
        return true;
    }

    using Base::at;
    using Base::commit_range;
    using Base::count_returned;
    using Base::count_taken;
    using Base::decommit_range;
};

}  // namespace slab
