// Which pages of units are usable. The pages of a run are its owner's: none of this needs the arena's lock but for
// runs that are free.
#pragma once

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
    // Some of them are in use again, or are to be like all others.
    void count_restored(std::size_t pages) { count_taken(pages); }

    // Puts units out of reach, if the source can; in any case their pages are taken away.
    void guard(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            if (source().guard(at(address_of(first)), count * unit_bytes)) {
                std::uint64_t pages = 0;
                for (auto i = first; i < first + count; ++i) {
                    pages += unit(i).committed_pages;
                    unit(i).committed_pages = 0;
                    unit(i).is_guarded = true;
                }
                count_returned(pages);
                return;
            }
        }
        decommit(first, count);
    }
    // Puts units out of reach with what they hold, if the source can; else as guard does.
    void hide(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            if (source().hide(at(address_of(first)), count * unit_bytes)) {
                for (auto i = first; i < first + count; ++i) {
                    unit(i).is_guarded = true;
                }
                return;
            }
        }
        guard(first, count);
    }
    // Zeroes what of the first pages of a run is committed.
    void clear(std::uint32_t first, std::size_t pages) {
        for (std::size_t done = 0; done < pages; done += pages_a_unit) {
            auto const index = first + static_cast<std::uint32_t>(done / pages_a_unit);
            auto const here = std::min<std::size_t>(unit(index).committed_pages, pages - done);
            __builtin_memset(reinterpret_cast<void*>(address_of(index)), 0, here * page_bytes);
        }
    }
    // The opposite of guard and hide.
    void unguard(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            for (auto i = first; i < first + count; ++i) {
                auto const from = i;
                for (; i < first + count && unit(i).is_guarded; ++i) {
                    unit(i).is_guarded = false;
                }
                if (i != from) {
                    source().unguard(at(address_of(from)), (i - from) * unit_bytes);
                }
            }
        }
    }

    // Moves the pages of one run to another, which has at least as many units. Its own go to the first one, or
    // are lost. False if the source cannot.
    enum class Others : bool { are_lost, are_kept };
    [[gnu::cold]] bool move_pages(std::uint32_t from, std::uint32_t to, std::size_t pages,
                                  Others others) {
        if constexpr (CanMove<Source>) {
            auto const units =
                static_cast<std::uint32_t>((pages + pages_a_unit - 1) / pages_a_unit);
            if constexpr (CanExchange<Source>) {
                if (others == Others::are_kept && holds_much(to, units)) {
                    return exchange_pages(from, to, units);
                }
            }
            decommit(to, units);
            decommit_behind(from, units, pages);  // the last unit may have more from before
            if (!source().move(at(address_of(from)), at(address_of(to)), pages * page_bytes)) {
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
