// Takes everything out of a space that nobody uses any more, a bounded number of entries at a time.
#include "kernel/page_ops.hpp"
#include "machine/machine.hpp"

#include <algorithm>

namespace quarry {
namespace {

class TearDown {
  public:
    TearDown(Mapped const& space, std::size_t budget)
        : memory_(space.memory), account_(space.account), budget_(budget) {}
    TearDown(TearDown const&) = delete;
    TearDown& operator=(TearDown const&) = delete;
    ~TearDown() {
        if (cost_ != 0) {
            memory_.accounts.uncharge(account_, cost_);
        }
    }

    // Empties a table depth first; false when the budget ran out before it was empty.
    bool clear(PhysPage table, unsigned level) {
        if (level == 0) {
            return clear_leaves(table);
        }
        auto& live = memory_.meta(table).live;  // the kernel's half of a root does not count
        auto const entries = machine::table(table);
        for (std::size_t at = 0; live != 0; ++at) {
            at = machine::first_used(entries, at);
            if (budget_ == 0) {
                return false;
            }
            --budget_;
            if (!drop(Pte::load(entries[at]), level)) {
                return false;
            }
            Pte::store(entries[at], Pte{});
            --live;
        }
        return true;
    }

  private:
    // What an entry of a table above level 0 refers to; false when the budget ran out.
    bool drop(Pte entry, unsigned level) {
        if (entry.is_kernels()) {
            return true;
        }
        if (entry.is_leaf(level)) {
            cost_ += Mappings::drop(memory_, entry.user_frame(), account_, huge_pages);
            return true;
        }
        if (!clear(entry.frame(), level - 1)) {
            return false;
        }
        memory_.free_page(entry.frame());
        ++cost_;
        return true;
    }

    // Most of a space's entries are in tables of level 0, one behind the other.
    bool clear_leaves(PhysPage table) {
        auto& live = memory_.meta(table).live;
        auto const count = std::min<std::size_t>(live, budget_);
        auto const entries = machine::table(table);
        std::uint64_t cost = 0;
        std::size_t at = 0;
        for (std::size_t left = count; left != 0; ++at) {
            auto& entry = machine::entry_at(entries.data(), at);
            Pte const old = entry;
            if (old.is_empty()) {
                at = machine::first_used(entries, at) - 1;
                continue;
            }
            entry = Pte{};
            cost += Mappings::drop(memory_, old.user_frame(), account_, 1);
            --left;
        }
        live = static_cast<std::uint16_t>(live - count);
        budget_ -= count;
        cost_ += cost;
        return live == 0;
    }

    Memory& memory_;
    AccountIndex account_;
    std::size_t budget_;
    std::uint64_t cost_ = 0;
};

}  // namespace

bool tear_down_step(Mapped space, std::size_t budget) {
    space.tables.forget_runs();
    return TearDown{space, budget}.clear(space.tables.root(), machine::top_level);
}

}  // namespace quarry
