// Where the slabs of a hardened heap wait when they are free: each for its own class, so that no pointer to a block ever
// points to one of another class. Their pages may go elsewhere meanwhile.
#pragma once

#include "heap/attributes.hpp"
#include "heap/moved_pages.hpp"
#include "heap/runs.hpp"
#include "heap/unit_list.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

// Slabs that a class with many takes at once: always as many units, at a multiple of them, so that their pages fit into
// each other's places.
inline constexpr std::uint32_t row_units = 16;

// Under the arena's lock.
template <PageSource Source>
class Retired {
  public:
    using Runs = slab::Runs<Source>;

    MovedPages<Source>& moved() { return moved_; }

    // Whether a class that needs another slab has so many that it will soon need more.
    bool wants_row(std::size_t size_class) {
        constexpr std::uint8_t many = 8;
        return taken_[size_class] == many || (++taken_[size_class], false);
    }
    // A slab of the class that waits, or 0. Its pages may be what they were.
    std::uint32_t take_slab(Runs& runs, std::size_t size_class) {
        if (alone_[size_class].first() == 0 && in_rows_[size_class].first() == 0) {
            if (auto const row = take_first(runs, rows_[size_class]); row != 0) {
                list_slabs(runs, row, row);
            }
        }
        for (auto* const lists : {&alone_, &in_rows_, &empty_}) {
            if (auto const index = take_first(runs, (*lists)[size_class]); index != 0) {
                pages_ -= runs.held_pages(slab_at(runs, index));
                return index;
            }
        }
        return 0;
    }
    void put_slab(Runs& runs, std::uint32_t index) {
        retire(runs, index);
        pages_ += runs.held_pages(slab_at(runs, index));
        list_of(runs, index).push(runs.units(), index);
        gather(runs, index);
    }

    // A row without pages that waits for the class, or 0.
    std::uint32_t take_empty_row(Runs& runs, std::size_t size_class) {
        return take_first(runs, empty_rows_[size_class]);
    }
    // A row of which the first slab is used, and the others wait.
    void use_row(Runs& runs, std::uint32_t row) {
        auto const units = slab_at(runs, row).count();
        for (auto index = row + units; index != row + row_units; index += units) {
            retire(runs, index);
        }
        pages_ += runs.held_pages({.first = row + units, .end = row + row_units});
        list_slabs(runs, row, row + units);
    }

    // Takes so many pages away, if there are that many more than may wait: for a heap that grows by as many.
    SLAB_COLD void shed(Runs& runs, std::size_t pages) {
        auto const goal = std::max(most_pages(runs), pages_ - std::min(pages_, pages));
        for (auto left = class_count; left != 0 && pages_ > goal; --left) {
            for (auto* const lists : {&alone_, &in_rows_}) {
                for (auto& list = (*lists)[shed_next_]; list.first() != 0 && pages_ > goal;) {
                    empty(runs, list);
                }
            }
            while (rows_[shed_next_].first() != 0 && pages_ > goal) {
                empty_row(runs, shed_next_);
            }
            shed_next_ = pages_ > goal ? (shed_next_ + 1) % class_count : shed_next_;
        }
    }
    // Takes the pages away of what has waited for so many ticks.
    SLAB_COLD void purge(Runs& runs, std::uint32_t age_ticks) {
        auto const now = runs.looked_at();
        auto const has_old = [&](UnitList const& list) {
            return list.first() != 0 &&
                   now - runs.unit(list.last(runs.units())).freed_at >= age_ticks;
        };
        for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
            for (auto* const lists : {&alone_, &in_rows_}) {
                for (auto& list = (*lists)[size_class]; has_old(list);) {
                    empty(runs, list);
                }
            }
            while (has_old(rows_[size_class])) {
                empty_row(runs, size_class);
            }
        }
    }

    // Calls visit(units) for rows, in each class first for those that waited longest, until it says false or does not take
    // all their pages. Whether it never did.
    template <typename Visit>
    bool for_each_row(Runs& runs, Visit visit) {
        for (auto left = class_count; left != 0; --left) {
            while (rows_[row_next_].first() != 0) {
                UnitRange const units = row_at(rows_[row_next_].last(runs.units()));
                bool const goes_on = visit(units);
                if (runs.held_pages(units) != 0) {
                    return false;
                }
                pages_ -= row_pages;
                has_no_pages(runs, units.first);
                if (!goes_on) {
                    return false;
                }
            }
            row_next_ = (row_next_ + 1) % class_count;
        }
        return true;
    }

  private:
    static constexpr std::uint64_t row_pages = row_units * pages_a_unit;

    // So many pages are kept for a while: 8 MiB, and an eighth of what the heap holds.
    static std::uint64_t most_pages(Runs const& runs) { return 2048 + runs.held_pages() / 8; }
    static UnitRange slab_at(Runs const& runs, std::uint32_t index) {
        auto const units = static_cast<std::uint32_t>(slab_units(runs.unit(index).size_class));
        return {.first = index, .end = index + units};
    }
    static UnitRange row_at(std::uint32_t row) { return {.first = row, .end = row + row_units}; }

    static void retire(Runs& runs, std::uint32_t index) {
        auto& slab = runs.unit(index);
        slab.kind = UnitKind::retired;
        slab.claim.set({});
        slab.freed_at = runs.looked_at();
    }
    static std::uint32_t take_first(Runs& runs, UnitList& list) {
        auto const index = list.first();
        if (index != 0) {
            list.remove(runs.units(), index);
        }
        return index;
    }
    [[gnu::noinline]] UnitList& list_of(Runs& runs, std::uint32_t index) {
        auto const& slab = runs.unit(index);
        auto& lists = runs.held_pages(slab_at(runs, index)) == 0 ? empty_
                      : slab.is_in_row                           ? in_rows_
                                                                 : alone_;
        return lists[slab.size_class];
    }
    // A row's slabs from `first` on, each in its list.
    [[gnu::noinline]] void list_slabs(Runs& runs, std::uint32_t row, std::uint32_t first) {
        auto const units = slab_at(runs, row).count();
        for (auto index = row + row_units; index != first;) {
            index -= units;
            list_of(runs, index).push(runs.units(), index);
        }
    }
    // If all slabs of the one's row wait, and have all their pages or none, the row waits in their place.
    [[gnu::noinline]] void gather(Runs& runs, std::uint32_t index) {
        if (!runs.unit(index).is_in_row) {
            return;
        }
        auto const row = row_at(index / row_units * row_units);
        if (!all_wait(runs, row)) {
            return;
        }
        auto const pages = runs.held_pages(row);
        if (pages % row_pages != 0) {
            return;
        }
        auto const units = slab_at(runs, index).count();
        for (auto slab = row.first; slab != row.end; slab += units) {
            list_of(runs, slab).remove(runs.units(), slab);
        }
        if (pages == 0) {
            moved_.renew(runs, row);
        }
        auto& rows = pages == 0 ? empty_rows_ : rows_;
        rows[runs.unit(index).size_class].push(runs.units(), row.first);
        runs.unit(row.first).freed_at = runs.looked_at();
    }
    static bool all_wait(Runs const& runs, UnitRange row) {
        auto const units = slab_at(runs, row.first).count();
        while (!row.is_empty() && runs.unit(row.first).kind == UnitKind::retired) {
            row.first += units;
        }
        return row.is_empty();
    }

    // The last one of a list, and the one of a class's rows that waited longest.
    [[gnu::noinline]] void empty(Runs& runs, UnitList& list) {
        auto const index = list.last(runs.units());
        auto const units = slab_at(runs, index);
        pages_ -= runs.held_pages(units);
        runs.decommit(units.first, units.count());
        list.remove(runs.units(), index);
        empty_[runs.unit(index).size_class].push(runs.units(), index);
        gather(runs, index);
    }
    [[gnu::noinline]] void empty_row(Runs& runs, std::size_t size_class) {
        auto const row = rows_[size_class].last(runs.units());
        pages_ -= row_pages;
        moved_.renew(runs, row_at(row));
        has_no_pages(runs, row);
    }
    void has_no_pages(Runs& runs, std::uint32_t row) {
        auto const size_class = runs.unit(row).size_class;
        rows_[size_class].remove(runs.units(), row);
        empty_rows_[size_class].push(runs.units(), row);
    }

    std::array<std::uint8_t, class_count> taken_{};  // so many times, up to many
    using Lists = std::array<UnitList, class_count>;
    // Slabs that have pages: those that were taken one by one, and others; and those that have none.
    Lists alone_{};
    Lists in_rows_{};
    Lists empty_{};
    // Rows of slabs that all wait, by the first one, which have all their pages, or none.
    Lists rows_{};
    Lists empty_rows_{};
    std::uint64_t pages_ = 0;  // of all these
    std::size_t shed_next_ = 0;
    std::size_t row_next_ = 0;
    MovedPages<Source> moved_;
};

}  // namespace slab
