// The short way of page_share: from one 2 MiB region of the caller's own space to one of a space that
// it made. What a fork asks for, region by region.
#include "kernel/calls/entry_run.hpp"
#include "kernel/calls/neighbour.hpp"
#include "kernel/calls/page_runs.hpp"

#include <optional>

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

// The entries of a run that are not empty, of a table that has so many.
template <typename Visitor>
bool each_used(Run run, std::size_t live, Visitor visitor) {
    for (std::size_t at = 0; at < run.size() && live != 0; ++at, --live) {
        if (run[at].is_empty()) {
            at = machine::first_used(run, at);
            if (at == run.size()) {
                break;
            }
        }
        if (!visitor(at, run[at].raw())) {
            return false;
        }
    }
    return true;
}

bool reference(Memory& memory, std::uint64_t entry, AccountIndex account) {
    auto& meta = meta_of(memory, entry);
    if (meta.is_named(account)) [[likely]] {
        auto const before = meta.counts.fetch_add(FrameCounts::one_owner);
        if (static_cast<std::int64_t>(before + FrameCounts::one_owner) < 0) [[unlikely]] {
            meta.counts.fetch_sub(FrameCounts::one_owner);  // more mappings than can be counted
            return false;
        }
        return true;
    }
    if (!this_processor().charge.take(account, 1)) {
        return false;
    }
    Mappings::add(memory, Pte::from_raw(entry).user_frame(), account);
    return true;
}

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
    auto& memory = the_kernel.memory;
    auto const account = space.account();
    std::size_t const live = *table->live;
    std::ptrdiff_t shared = 0;
    std::size_t parted = 0;
    bool const all_mapped = each_used(source, live, [&](std::size_t at, std::uint64_t entry) {
        if ((entry & Pte::unlent) == 0) [[unlikely]] {
            return true;
        }
        if (!reference(memory, entry, account)) [[unlikely]] {
            return false;
        }
        bool const parts = rule->parts(entry);
        Pte::store(target[at], Pte::from_raw(parts ? rule->parted(entry) : entry));
        parted += parts ? 1 : 0;
        ++shared;
        return true;
    });
    if (!all_mapped) [[unlikely]] {
        neighbour.undo();
        return false;
    }
    add_live(*neighbour.table(), shared);
    if (parted == 0) {
        return true;
    }
    Invalidation const invalidation(parted);
    (void)each_used(source, live, [&](std::size_t at, std::uint64_t entry) {
        if (rule->parts(entry) && (entry & Pte::unlent) != 0) {
            Pte::store(source[at], Pte::from_raw(rule->parted(entry)));
            invalidation.page(from + at * page_bytes);
        }
        return --parted != 0;
    });
    invalidation.finish();
    return true;
}

}  // namespace quarry
