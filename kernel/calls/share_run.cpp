// The short way of page_share: from one 2 MiB region of the caller's own space to one of a space that
// it made, or has a window of. What a fork asks for, region by region.
#include "kernel/calls/entry_run.hpp"
#include "kernel/calls/neighbour.hpp"
#include "kernel/calls/page_runs.hpp"

#include <array>
#include <optional>
#include <ranges>

namespace quarry {
namespace {

// The rule as bits of an entry: which of them go, and what comes instead.
struct Parting {
    std::uint64_t lost = 0, mark = 0, spare = 0;

    // Only of rules that keep reading and executing, so that no bit stands for a right by its absence.
    static std::optional<Parting> parse(std::uint64_t mode) {
        auto const rule = ShareRule::parse(mode);
        if (!rule || !rule->keep().execute()) {
            return std::nullopt;
        }
        return Parting{Pte::writable | (rule->keep().may_write() ? 0 : Pte::may_write),
                       rule->mark(), rule->spare()};
    }
    bool parts(std::uint64_t entry) const { return (entry & lost) != 0 && (entry & spare) == 0; }
    std::uint64_t parted(std::uint64_t entry) const { return (entry & ~lost) | mark; }
};

// What source entries were, for when the call cannot be done to its end. Left uninitialised on purpose.
using Before = std::array<std::uint64_t, machine::entries_per_table>;

// One more mapping of a frame that somebody else owns, if that can be paid.
[[gnu::noinline]] bool reference_others(Memory& memory, std::uint64_t entry, AccountIndex account) {
    if (!this_processor().charge.take(account, 1)) {
        return false;
    }
    Mappings::add(memory, Pte::from_raw(entry).user_frame(), account);
    return true;
}

bool reference(Memory& memory, FrameMeta& meta, std::uint64_t entry, AccountIndex account) {
    if (!meta.is_named(account)) [[unlikely]] {
        return reference_others(memory, entry, account);
    }
    if (machine::add_to_upper_half<FrameCounts::one_owner_above>(meta.counts)) [[unlikely]] {
        meta.counts.fetch_sub(FrameCounts::one_owner);  // more mappings than can be counted
        return false;
    }
    return true;
}

class Sharing {
  public:
    Sharing(Memory& memory, Run source, Run target, Parting rule, AccountIndex account)
        : memory_(memory), source_(source), target_(target), rule_(rule), account_(account) {}

    // Shares up to `live` entries, all that the source can have. False: one could not be, and the source
    // is as it was.
    bool run(std::size_t live) {
        std::size_t at = 0;
        while (live != 0 && at != source_.size() && !failed_) {
            at = machine::first_used(source_, at);
            auto const seen = share_dense(at);
            at += seen;
            live -= seen;
        }
        if (failed_) [[unlikely]] {
            restore(at);
        }
        if (has_parted_) {
            machine::invalidate_all();
        }
        return !failed_;
    }
    std::size_t pages() const { return pages_; }

  private:
#pragma clang unsafe_buffer_usage begin
    // Those from `first` on up to the first empty one; how many were seen. A function of its own, so that
    // it has all registers for the loop.
    [[gnu::noinline]] std::size_t share_dense(std::size_t first) {
        auto const metas = memory_.frames.metas();
        auto const rule = rule_;
        auto const account = account_;
        auto* const sources = source_.data();
        auto* const targets = target_.data();
        auto* const befores = before_.data();
        auto const end = source_.size();
        std::size_t lent = 0;
        bool parted = false;
        auto at = first;
        for (; at != end; ++at) {
            auto& here = machine::entry_at(sources, at);
            auto raw = here.raw();
            if (raw == 0) {
                break;
            }
            befores[at] = raw;
            if ((raw & Pte::unlent) == 0) [[unlikely]] {
                ++lent;
                continue;
            }
            if (!reference(memory_, metas.of_entry(raw), raw, account)) [[unlikely]] {
                failed_ = true;
                ++at;
                break;
            }
            if (rule.parts(raw)) {
                raw = rule.parted(raw);
                Pte::store(here, Pte::from_raw(raw));
                parted = true;
            }
            Pte::store(machine::entry_at(targets, at), Pte::from_raw(raw));
        }
        pages_ += at - first - lent;
        has_parted_ = has_parted_ || parted;
        return at - first;
    }
#pragma clang unsafe_buffer_usage end
    void restore(std::size_t end) {
        for (auto const [entry, before] : std::views::zip(source_.first(end), before_)) {
            if (!entry.is_empty()) {
                Pte::store(entry, Pte::from_raw(before));
            }
        }
    }

    Memory& memory_;
    Run source_, target_;
    Parting rule_;
    AccountIndex account_;
    std::size_t pages_ = 0;
    bool has_parted_ = false;
    bool failed_ = false;
    Before before_;
};

}  // namespace

bool share_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
               std::uint64_t to, std::uint64_t mode) {
    auto const rule = Parting::parse(mode);
    if (from_id != 0 || to_id == 0 || !rule) {
        return false;
    }
    OwnSpace const space;
    if (!space.alone()) {
        return false;
    }
    auto const* const table = space.table(LeafRole::source, from);
    auto const source = run_of(table, from, pages);
    if (source.empty()) {
        return false;
    }
    Neighbour neighbour(space, to_id, to, pages);
    auto const target = run_of(neighbour.table(), to, pages);
    if (target.empty() || (*neighbour.table()->live != 0 && !is_empty(target))) {
        return false;
    }
    Sharing sharing{the_kernel.memory, source, target, *rule, space.account()};
    if (!sharing.run(*table->live)) [[unlikely]] {
        neighbour.undo();
        return false;
    }
    add_live(*neighbour.table(), static_cast<std::ptrdiff_t>(sharing.pages()));
    return true;
}

}  // namespace quarry
