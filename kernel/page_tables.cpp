#include "kernel/page_tables.hpp"

namespace quarry {
namespace {

// Whether one table at `level` covers both pages.
bool share_table(UserPage a, UserPage b, unsigned level) {
    return a.number() >> (9 * (level + 1)) == b.number() >> (9 * (level + 1));
}

}  // namespace

Slot PageTables::find(UserPage page, unsigned stop) const {
    auto table = root_;
    for (unsigned level = machine::top_level;; --level) {
        auto& entry = machine::table(table)[index(page, level)];
        if (level == stop || !Pte::load(entry).is_table(level)) {
            return {&entry, level, table};
        }
        table = Pte::load(entry).frame();
    }
}

// Not empty, and neither present nor anybody's to change.
constinit std::array<Pte, machine::entries_per_table> LeafCache::unusable = [] {
    std::array<Pte, machine::entries_per_table> entries;
    entries.fill(Pte::from_raw(Pte::address_mask));
    return entries;
}();

LeafCache const* PageTables::remember(LeafRole role, UserPage page, Slot slot) const {
    auto& cache = cache_of(role);
    cache = {page.start().raw() & ~(huge_bytes - 1), machine::table(slot.table).data(),
             &memory_->meta(slot.table).live};
    return &cache;
}

LeafCache const* PageTables::fill(LeafRole role, UserPage page) const {
    auto& cache = cache_of(role);
    auto const& other = cache_of(role == LeafRole::target ? LeafRole::source : LeafRole::target);
    if (other.has(page.start().raw())) {
        cache = other;
        return &cache;
    }
    auto const slot = find(page);
    return slot.level == 0 ? remember(role, page, slot) : nullptr;
}

std::size_t Cursor::next_mapped(PageSpan span, std::size_t index) {
    while (index < span.count) {
        auto const slot = at(span.page(index));
        if (slot.is_mapping()) {
            return index;
        }
        auto const offset = span.page(index).number() % machine::entries_per_table;
        auto const used =
            slot.level == 0 ? machine::first_used(leaf_table_, offset) : machine::entries_per_table;
        index += used - offset;
    }
    return span.count;
}

std::size_t PageTables::missing(PageSpan span, unsigned stop) const {
    auto const last = span.page(span.count - 1);
    std::size_t const for_first = find(span.first, stop).level - stop;
    if (share_table(span.first, last, stop)) {
        return for_first;
    }
    // A span has at most 512 pages, so its last page is at most one table further at each level.
    std::size_t const for_last = find(last, stop).level - stop;
    std::size_t extra = 0;
    for (unsigned level = stop; level < stop + for_last; ++level) {
        extra += share_table(span.first, last, level) ? 0 : 1;
    }
    return for_first + extra;
}

Slot PageTables::make_below(Memory& memory, Slot slot, UserPage page, unsigned stop,
                            TableReserve& reserve) {
    while (slot.level != stop) {
        auto const table = reserve.take();
        exchange(memory, slot, Pte::table(table));
        auto const level = slot.level - 1;
        slot = {&machine::table(table.page())[index(page, level)], level, table.page()};
    }
    return slot;
}

Pte PageTables::exchange(Memory& memory, Slot slot, Pte now) {
    Pte const old = slot.read();
    Pte::store(*slot.entry, now);
    if (old.is_empty() != now.is_empty()) {
        auto& meta = memory.frames.meta(slot.table);
        meta.live = static_cast<std::uint16_t>(meta.live + (now.is_empty() ? -1 : 1));
    }
    return old;
}

}  // namespace quarry
