// Mappings and tables taken out of a space, until the TLB has forgotten them. Dropping them earlier
// would hand a frame on while a stale entry can still write it. DESIGN.md, "Several processors".
#pragma once

#include "kernel/page_ops.hpp"

#include <array>
#include <cstddef>

namespace quarry {

class Retired {
  public:
    // Takes care of one span, and of what a mapping of the span can displace.
    explicit Retired(Mapped space) : space_(space) {}
    Retired(Retired const&) = delete;
    Retired& operator=(Retired const&) = delete;
    ~Retired() { complete(); }

    // A mapping that is no longer in the tables. An empty entry is passed over.
    void mapping(UserPage page, Pte old) {
        if (old.is_empty()) {
            return;
        }
        if (old.is_present()) {
            machine::invalidate(space_.tables.root(), page);
        }
        mappings_[mapping_count_++] = static_cast<std::uint32_t>(old.frame().number());
    }
    // A mapping that stays with fewer rights.
    void changed(UserPage page, Pte old) {
        if (old.is_present()) {
            machine::invalidate(space_.tables.root(), page);
        }
    }
    // A table unlinked from its parent; `page` is any it covered.
    void table(UserPage page, PhysPage frame) {
        machine::invalidate(space_.tables.root(), page);
        tables_[table_count_++] = static_cast<std::uint32_t>(frame.number());
    }

  private:
    void complete() {
        machine::finish_invalidations(space_.tables.root());
        auto& memory = space_.memory;
        std::uint64_t cost = table_count_;
        for (std::size_t i = 0; i < mapping_count_; ++i) {
            cost +=
                Mappings::drop(memory, UserFrame{PhysPage::numbered(mappings_[i])}, space_.account);
        }
        for (std::size_t i = 0; i < table_count_; ++i) {
            memory.frames.free_page(PhysPage::numbered(tables_[i]));
        }
        if (cost != 0) {
            memory.accounts.uncharge(space_.account, cost);
        }
    }

    Mapped space_;
    std::size_t mapping_count_ = 0;
    std::size_t table_count_ = 0;
    // Frame numbers. Left uninitialised on purpose: to zero them would cost more than most calls.
    std::array<std::uint32_t, abi::max_range_pages + 1> mappings_;
    std::array<std::uint32_t, 8> tables_;
};

}  // namespace quarry
