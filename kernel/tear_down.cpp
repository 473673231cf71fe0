// Takes everything out of a space that nobody uses any more, a bounded number of entries at a time.
#include "kernel/freed_frames.hpp"
#include "kernel/page_ops.hpp"
#include "machine/machine.hpp"

#include <algorithm>

namespace quarry {
namespace {

class TearDown {
  public:
    TearDown(Mapped const& space, std::size_t budget)
        : memory_(space.memory), account_(space.account), budget_(budget), freed_(space.memory) {}
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
        auto const table = entry.frame();
        if (!clear(table, level - 1)) {
            return false;
        }
        freed_.make_room(1);
        freed_.add_table(memory_.meta(table), table);
        ++cost_;
        return true;
    }

    // Most of a space's entries are in tables of level 0, one behind the other.
    bool clear_leaves(PhysPage table) {
        auto& live = memory_.meta(table).live;
        auto left = std::min<std::size_t>(live, budget_);
        live = static_cast<std::uint16_t>(live - left);
        budget_ -= left;
        freed_.make_room(left);
        auto const entries = machine::table(table);
        for (std::size_t at = 0; left != 0;) {
            at = machine::first_used(entries, at);
            auto const cleared =
                clear_dense(entries.subspan(at).first(std::min(left, entries.size() - at)));
            at += cleared;
            left -= cleared;
        }
        return live == 0;
    }

    // Entries up to the first empty one; how many they were.
    std::size_t clear_dense(std::span<Pte> entries) {
        auto const metas = memory_.frames.metas();
        auto const account = account_;
        std::uint64_t cost = 0;
        std::size_t cleared = 0;
#pragma clang loop unroll_count(4)
        for (auto& entry : entries) {
            auto const raw = entry.raw();
            if (raw == 0) {
                break;
            }
            ++cleared;
            entry = Pte{};
            auto& meta = metas.of_entry(raw);
            if (!meta.is_named(account)) [[unlikely]] {
                cost += Mappings::drop_other(memory_, UserFrame{metas.frame_of(meta)}, 1);
                continue;
            }
            auto const now = machine::fetch_add(meta.counts, -FrameCounts::one_owner);
            if (now.is_negative) [[unlikely]] {
                freed_.add_if_unused(meta, metas.frame_of(meta),
                                     FrameCounts{now.before - FrameCounts::one_owner});
                ++cost;
            }
        }
        cost_ += cost;
        return cleared;
    }

    Memory& memory_;
    AccountIndex account_;
    std::size_t budget_;
    std::uint64_t cost_ = 0;
    FreedFrames<machine::entries_per_table> freed_;
};

}  // namespace

bool tear_down_step(Mapped space, std::size_t budget) {
    space.tables.forget_runs();
    return TearDown{space, budget}.clear(space.tables.root(), machine::top_level);
}

}  // namespace quarry
