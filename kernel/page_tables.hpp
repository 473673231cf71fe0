// The one page-table walker. Everything that reads or changes a mapping goes through a Slot found
// here.
#pragma once

#include "base/address.hpp"
#include "kernel/frames.hpp"
#include "kernel/page_span.hpp"
#include "machine/machine.hpp"
#include "machine/pte.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace quarry {

using machine::Pte;

// Where a page's entry is: the entry of the deepest table that exists on its path, at `level`.
struct Slot {
    Pte* entry;
    unsigned level;
    PhysPage table;

    Pte read() const { return Pte::load(*entry); }
    bool is_mapping() const { return read().is_leaf(level); }
    bool is_huge_mapping() const { return level == 1 && is_mapping(); }
};

// A level 0 table that was used last, so that most calls need not walk. Guarded by the space's lock,
// like the tables.
struct LeafCache {
    // No table: it has no page, but a program may name any address. What is there cannot be used.
    static constexpr std::uint64_t nowhere = std::uint64_t{1} << 63;
    static constinit std::array<Pte, machine::entries_per_table> unusable;

    std::uint64_t base = nowhere;  // where what the table maps begins
    Pte* entries = unusable.data();
    std::uint16_t* live = nullptr;

    // Of the page that begins at this address; entries_per_table or more if the table has none such.
    std::uint64_t index_of(std::uint64_t address) const {
        return std::rotr(address - base, page_shift);
    }
    bool has(std::uint64_t address) const { return index_of(address) < machine::entries_per_table; }
};
// One for what pages are taken from, one for all else: so a call has both at hand.
enum class LeafRole : std::uint8_t { target, source };
using LeafCaches = std::array<LeafCache, 2>;

class PageTables {
  public:
    PageTables(Memory& memory, PhysPage root, LeafCaches& caches)
        : memory_(&memory), root_(root), caches_(&caches) {}
    PhysPage root() const { return root_; }

    // The level 0 table that was used last.
    LeafCache const& recent_leaf(LeafRole role) const { return cache_of(role); }
    // The level 0 table of a page; null if there is none.
    LeafCache const* leaf(LeafRole role, UserPage page) const {
        return recent_leaf(role).has(page.start().raw()) ? &recent_leaf(role) : fill(role, page);
    }
    // A table was taken out.
    void forget_runs() const { *caches_ = {}; }

    // The slot of `page` at `stop` level, or higher up where a table is missing or a huge mapping
    // is.
    Slot find(UserPage page, unsigned stop = 0) const;

    // How many tables are missing to give every page of the span a slot at `stop` level. A huge
    // mapping in the way counts as missing: it is about to be replaced.
    std::size_t missing(PageSpan span, unsigned stop) const;

    // The slot at exactly `stop` level, linking tables from the reserve where they are missing.
    // There must be no huge mapping in the way.
    Slot make(Memory& memory, UserPage page, unsigned stop, TableReserve& reserve) const {
        return make_below(memory, find(page, stop), page, stop, reserve);
    }
    // The same from where find() ended.
    static Slot make_below(Memory& memory, Slot slot, UserPage page, unsigned stop,
                           TableReserve& reserve);
    // Keeps the level 0 table of this slot at hand, which is of this page.
    LeafCache const* remember(LeafRole role, UserPage page, Slot slot) const;

    // Changes an entry and keeps its table's count of live entries. Returns what was there.
    static Pte exchange(Memory& memory, Slot slot, Pte now);

  private:
    static std::size_t index(UserPage page, unsigned level) {
        return page.number() >> (9 * level) & (machine::entries_per_table - 1);
    }
    LeafCache const* fill(LeafRole role, UserPage page) const;
    LeafCache& cache_of(LeafRole role) const {
        return role == LeafRole::target ? std::get<0>(*caches_) : std::get<1>(*caches_);
    }

    Memory* memory_;
    PhysPage root_;
    LeafCaches* caches_;
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

    // The first page of the span, from `index` on, that is mapped; span.count if none is.
    std::size_t next_mapped(PageSpan span, std::size_t index);

  private:
    PageTables tables_;
    std::uint64_t region_ = 0;
    PhysPage table_;
    std::span<Pte> leaf_table_;
};

}  // namespace quarry
