// The other space of a short way through the page calls.
#pragma once

#include "kernel/calls/entry_run.hpp"
#include "kernel/decode.hpp"

#include <algorithm>

namespace quarry {

// Another space that a run may be mapped to at once: one that the caller's space made, or has a window
// of, and shares its account with. Its table is made if need be, and goes again if nothing came into it.
class Neighbour {
  public:
    Neighbour(OwnSpace const& own, std::uint64_t id, std::uint64_t address, std::uint64_t pages) {
        if (id == 0 || !find(own, id)) {
            return;
        }
        auto const span = parse_span_of(*found_.object, address, pages);
        if (!span || !span->in_one_region() || !may_use(own, *span)) {
            return;
        }
        span_ = *span;
        auto const tables = found_.object->tables();
        table_ = tables.recent_leaf(LeafRole::target).has(address)
                     ? &tables.recent_leaf(LeafRole::target)
                     : find_table(tables, own.account());
    }
    Neighbour(Neighbour const&) = delete;
    Neighbour& operator=(Neighbour const&) = delete;
    ~Neighbour() {
        if (made_ && *table_->live == 0) {
            (void)page_unmap(found_.object->mapped(), span_);
        }
    }
    LeafCache const* table() const { return table_; }

    // Takes out what came into the span, which was empty, on every processor that uses the space. Its
    // table goes too if it is empty then.
    void undo() {
        add_live(*table_,
                 std::ranges::count_if(run_of(table_, span_.first.start().raw(), span_.count),
                                       [](Pte const& entry) { return !entry.is_empty(); }));
        made_ = false;
        (void)page_unmap(found_.object->mapped(), span_);
    }

  private:
    bool find(OwnSpace const& own, std::uint64_t id) {
        if (id == own.space().id.value) {
            return false;
        }
        found_ = the_kernel.spaces.find(id, true);
        auto* const space = found_.object;
        return space != nullptr && !space->ended && space->account() == own.account();
    }
    bool may_use(OwnSpace const& own, PageSpan span) const {
        auto const& space = *found_.object;
        auto const self = own.space().id.value;
        return space.creator_id == self || space.windows.allow(self, span);
    }
    LeafCache const* find_table(PageTables tables, AccountIndex account) {
        auto slot = tables.find(span_.first);
        if (slot.is_mapping() && slot.level != 0) {
            return nullptr;  // a huge one
        }
        if (slot.level != 0) {
            auto& memory = the_kernel.memory;
            auto charge = Charge::make(memory.accounts, account, slot.level);
            auto reserve = TableReserve::allocate(memory, slot.level);
            if (!charge || !reserve) {
                return nullptr;
            }
            charge->keep();
            slot = PageTables::make_below(memory, slot, span_.first, 0, *reserve);
            made_ = true;
        }
        return tables.remember(LeafRole::target, span_.first, slot);
    }

    SpaceTable::Found found_;
    PageSpan span_;
    LeafCache const* table_ = nullptr;
    bool made_ = false;
};

}  // namespace quarry
