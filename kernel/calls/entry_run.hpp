// A run of entries within one table of level 0, as the short ways through the page calls take it.
#pragma once

#include "kernel/calls/own_space.hpp"
#include "kernel/shootdown.hpp"

namespace quarry {

using Run = std::span<Pte>;

// The entries of these pages; none if they are not all in the table.
inline Run run_of(LeafCache const* table, std::uint64_t address, std::uint64_t pages) {
    auto const offset = (address >> page_shift) % machine::entries_per_table;
    if (table == nullptr || pages - 1 >= machine::entries_per_table - offset) [[unlikely]] {
        return {};
    }
    return machine::entries_of(table->entries).subspan(offset, pages);
}

inline bool is_empty(Run run) {
    std::uint64_t any = 0;
#pragma clang loop unroll_count(8)
    for (auto const& entry : run) {
        any |= entry.raw();
    }
    return any == 0;
}

// Takes translations of a run out of this processor's TLB: one by one, or for a long run all at once
// when its entries are changed.
class Invalidation {
  public:
    explicit Invalidation(std::uint64_t pages) : one_by_one_(pages <= max_single_invalidations) {}
    void page(std::uint64_t address) const {
        if (one_by_one_) {
            machine::invalidate(UserPage::containing(UserAddr{address}));
        }
    }
    void all_of(std::uint64_t address, std::uint64_t pages) const {
        for (std::uint64_t i = 0; one_by_one_ && i < pages; ++i) {
            page(address + i * page_bytes);
        }
        finish();
    }
    void finish() const {
        if (!one_by_one_) {
            machine::invalidate_all();
        }
    }

  private:
    bool one_by_one_;
};

// Takes the mappings of a run out again, which the TLB has forgotten.
inline void drop_all(Memory& memory, Run run, AccountIndex account) {
    std::uint64_t cost = 0;
    for (auto& entry : run) {
        auto const old = std::exchange(entry, Pte{});
        cost += old.is_empty() ? 0 : Mappings::drop(memory, old.user_frame(), account, 1);
    }
    if (cost != 0) {
        memory.accounts.uncharge(account, cost);
    }
}

}  // namespace quarry
