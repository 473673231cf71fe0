// Mappings and tables taken out of a space, until every TLB has forgotten them. Dropping them
// earlier would hand a frame on while a stale entry can still write it. DESIGN.md, "Several
// processors".
#pragma once

#include "kernel/page_ops.hpp"
#include "kernel/shootdown.hpp"

#include <array>
#include <cstddef>

namespace quarry {

class Retired {
  public:
    // Takes care of one span, and of what a mapping of the span can displace.
    Retired(Mapped space, PageSpan span) : space_(space), span_(span) {}
    Retired(Retired const&) = delete;
    Retired& operator=(Retired const&) = delete;
    ~Retired() { complete(); }

    // A mapping that is no longer in the tables. An empty entry is passed over.
    void mapping(UserPage page, Pte old) {
        if (old.is_empty()) {
            return;
        }
        changed(page, old);
        if (space_.others == 0) {
            cost_ += Mappings::drop(space_.memory, old.user_frame(), space_.account, size_of(old));
        } else {
            mappings_[mapping_count_++] = static_cast<std::uint32_t>(old.frame().number());
            pages_each_ = size_of(old);
        }
    }
    // A mapping that stays with fewer rights.
    void changed(UserPage page, Pte old) {
        if (old.is_present()) {
            stale_ = true;
            if (space_.here) {
                machine::invalidate(page);
            }
        }
    }
    // A table unlinked from its parent; `page` is any it covered.
    void table(UserPage page, PhysPage frame) {
        stale_ = true;
        if (space_.here) {
            machine::invalidate(page);
        }
        if (space_.self_mapped) {
            everything_ = true;  // the table was itself a page that the program could read
        }
        space_.tables.forget_runs();
        tables_[table_count_++] = static_cast<std::uint32_t>(frame.number());
    }

  private:
    static std::uint64_t size_of(Pte old) { return old.is_huge() ? huge_pages : 1; }
    void complete() {
        auto& memory = space_.memory;
        if (everything_ && space_.here) {
            machine::invalidate_all();
        }
        if (stale_ && space_.others != 0) {
            shoot_down(space_.others, space_.active,
                       everything_ ? PageSpan{span_.first, max_single_invalidations + 1} : span_);
        }
        for (std::size_t i = 0; i < mapping_count_; ++i) {
            cost_ += Mappings::drop(memory, UserFrame{PhysPage::numbered(mappings_[i])},
                                    space_.account, pages_each_);
        }
        for (std::size_t i = 0; i < table_count_; ++i) {
            memory.free_page(PhysPage::numbered(tables_[i]));
        }
        if (cost_ + table_count_ != 0) {
            memory.accounts.uncharge(space_.account, cost_ + table_count_);
        }
    }

    Mapped space_;
    PageSpan span_;
    bool stale_ = false;
    bool everything_ = false;
    std::uint64_t cost_ = 0;
    std::uint64_t pages_each_ = 1;  // a huge mapping is the only one of its span
    std::size_t mapping_count_ = 0;
    std::size_t table_count_ = 0;
    // Frame numbers. Left uninitialised on purpose: to zero them would cost more than most calls.
    std::array<std::uint32_t, abi::max_range_pages + 1> mappings_;
    std::array<std::uint32_t, 8> tables_;
};

}  // namespace quarry
