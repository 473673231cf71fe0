// The one page-table walker. Everything that reads or changes a mapping goes through a Slot found
// here.
#pragma once

#include "base/address.hpp"
#include "kernel/frames.hpp"
#include "machine/machine.hpp"
#include "machine/pte.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace quarry {

using machine::Pte;

// `count` pages of user space, checked by whoever made it (kernel/user_pages.hpp).
struct PageSpan {
    UserPage first;
    std::size_t count = 0;
    constexpr UserPage page(std::size_t index) const { return first.plus(index); }
    constexpr bool is_one_huge() const { return first.is_huge_aligned() && count == huge_pages; }
    // Whether one level 0 table covers all of it; if not, two do.
    constexpr bool in_one_region() const {
        return first.number() / huge_pages == page(count - 1).number() / huge_pages;
    }
    constexpr bool overlaps(PageSpan other) const {
        return first < other.first.plus(other.count) && other.first < first.plus(count);
    }
};

// Where a page's entry is: the entry of the deepest table that exists on its path, at `level`.
struct Slot {
    Pte* entry;
    unsigned level;
    PhysPage table;

    bool is_mapping() const { return entry->is_leaf(level); }
    bool is_huge_mapping() const { return level == 1 && is_mapping(); }
};

class PageTables {
  public:
    explicit PageTables(PhysPage root) : root_(root) {}
    PhysPage root() const { return root_; }

    // The slot of `page` at `stop` level, or higher up where a table is missing or a huge mapping
    // is.
    Slot find(UserPage page, unsigned stop = 0) const;

    // How many tables are missing to give every page of the span a slot at `stop` level. A huge
    // mapping in the way counts as missing: it is about to be replaced.
    std::size_t missing(PageSpan span, unsigned stop) const;

    // The slot at exactly `stop` level, linking tables from the reserve where they are missing.
    // There must be no huge mapping in the way.
    Slot make(Memory& memory, UserPage page, unsigned stop, TableReserve& reserve) const;

    // Changes an entry and keeps its table's count of live entries. Returns what was there.
    static Pte exchange(Memory& memory, Slot slot, Pte now);

  private:
    static std::size_t index(UserPage page, unsigned level) {
        return page.number() >> (9 * level) & (machine::entries_per_table - 1);
    }
    PhysPage root_;
};

// Walks a span page by page; reads the upper tables once every 2 MiB.
class Cursor {
  public:
    explicit Cursor(PageTables tables) : tables_(tables) {}

    Slot at(UserPage page) {
        auto const offset = page.number() % machine::entries_per_table;
        if (leaf_table_.empty() || page.number() / machine::entries_per_table != region_) {
            auto const slot = tables_.find(page);
            if (slot.level != 0) {
                return slot;
            }
            region_ = page.number() / machine::entries_per_table;
            leaf_table_ = machine::table(slot.table);
            table_ = slot.table;
        }
        return {&leaf_table_[offset], 0, table_};
    }

  private:
    PageTables tables_;
    std::uint64_t region_ = 0;
    PhysPage table_;
    std::span<Pte> leaf_table_;
};

}  // namespace quarry
