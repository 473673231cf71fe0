#include "kernel/calls/page_runs.hpp"

#include "kernel/calls/entry_run.hpp"
#include "kernel/calls/neighbour.hpp"
#include "kernel/calls/own_space.hpp"
#include "kernel/freed_frames.hpp"

#include <ranges>

namespace quarry {
namespace {

// What a mode without options asks for.
struct Asked {
    std::uint64_t bits = 0;    // of a new entry; 0: it is not right
    std::uint64_t needed = 0;  // what a mapping must have to get them

    static Asked parse(std::uint64_t mode) {
        auto const tag = mode & abi::permission::tag_mask;
        auto const plain = mode & ~abi::permission::tag_mask;
        if (plain >= ModeBits::modes || ModeBits::of(plain) == 0) {
            return {};
        }
        return {ModeBits::of(plain) | tag, ModeBits::needed(plain)};
    }
};
constexpr std::uint64_t option(abi::PageOptions options) { return options.bits << 32; }

// Whether all entries have these bits. Read as plain words, which spares a register each: the space
// is locked and nobody else uses it.
bool all_have(Run run, std::uint64_t bits) {
    auto all = bits;
#pragma clang loop unroll_count(8)
    for (auto const& entry : run) {
        all &= entry.raw();
    }
    return all == bits;
}

// What makes an entry for one more mapping out of a mapping.
struct Narrowed {
    std::uint64_t kept, added;
    Pte of(std::uint64_t entry) const { return Pte::from_raw((entry & kept) | added); }
};

// Maps those of a run that the account owns; whether these are all. A function of its own, so that it
// has all registers for the loop.
[[gnu::noinline]] bool map_owned(Memory& memory, Run source, Run target, Narrowed const& narrowed,
                                 AccountIndex account) {
    auto const metas = memory.frames.metas();
    auto const how = narrowed;
    bool all_mapped = true;
#pragma clang loop unroll_count(4)
    for (auto const [here, there] : std::views::zip(source, target)) {
        auto const raw = here.raw();
        auto& meta = metas.of_entry(raw);
        // Its owner maps it here, so it stays the owner while the space's lock is held.
        if (!meta.is_named(account)) [[unlikely]] {
            all_mapped = false;
            continue;
        }
        auto const before = meta.counts.fetch_add(FrameCounts::one_owner);
        if (static_cast<std::int64_t>(before + FrameCounts::one_owner) < 0) [[unlikely]] {
            meta.counts.fetch_sub(FrameCounts::one_owner);  // more mappings than can be counted
            all_mapped = false;
            continue;
        }
        Pte::store(there, how.of(raw));
    }
    return all_mapped;
}

// Maps the others, which are paid for one by one. False if one cannot be.
[[gnu::noinline]] bool map_others(Memory& memory, Run source, Run target, Narrowed const& narrowed,
                                  AccountIndex account) {
    for (auto const [here, there] : std::views::zip(source, target)) {
        if (!there.is_empty()) {
            continue;
        }
        bool const too_often = meta_of(memory, here.raw()).is_named(account);
        if (too_often || !this_processor().charge.take(account, 1)) {
            return false;
        }
        Mappings::add(memory, here.user_frame(), account);
        Pte::store(there, narrowed.of(here.raw()));
    }
    return true;
}

// Whether each mapping that lacks some of these bits is its frame's only one.
bool lacking_are_sole(Memory& memory, Run run, std::uint64_t needed) {
    return std::ranges::all_of(run, [&](Pte const& entry) {
        auto const raw = Pte::load(entry).raw();
        return (raw & needed) == needed || FrameCounts{meta_of(memory, raw).load()}.sole();
    });
}

}  // namespace

bool protect_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages, std::uint64_t mode) {
    bool const if_sole = (mode & option(abi::page_option::if_sole)) != 0;
    auto const asked = Asked::parse(mode & ~option(abi::page_option::if_sole));
    if (id != 0 || asked.bits == 0) {
        return false;
    }
    OwnSpace const space;
    if (!space.alone()) {
        return false;
    }
    auto const run = run_of(space.table(LeafRole::target, address), address, pages);
    if (run.empty()) {
        return false;
    }
    if (!all_have(run, asked.needed & ~ModeBits::not_needed_to_protect) &&
        !(if_sole && all_have(run, ModeBits::always_needed) &&
          lacking_are_sole(the_kernel.memory, run, asked.needed))) {
        return false;
    }
    Invalidation const invalidation(pages);
    for (auto& entry : run) {
        auto const frame = Pte::load(entry).raw() & Pte::address_mask;
        Pte::store(entry, Pte::from_raw(frame | asked.bits));
        invalidation.page(address);
        address += page_bytes;
    }
    invalidation.finish();
    return true;
}

bool alloc_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages, std::uint64_t mode) {
    auto const bits = Asked::parse(mode & ~option(abi::page_option::if_absent)).bits;
    if (bits == 0) {
        return false;
    }
    auto& self = this_processor();
    OwnSpace const space;
    if (!space.alone()) {
        return false;
    }
    Neighbour const neighbour(space, id, address, pages);
    auto const* const table = id == 0 ? space.table(LeafRole::target, address) : neighbour.table();
    auto const run = run_of(table, address, pages);
    if (run.empty() || !is_empty(run) || !self.charge.take(space.account(), pages)) {
        return false;
    }
    auto& memory = the_kernel.memory;
    std::array<std::uint32_t, abi::max_range_pages> frames;  // not initialised: see Retired
    if (!self.frames.take_many(memory.frames, std::span(frames).first(pages))) {
        memory.accounts.uncharge(space.account(), pages);
        return false;
    }
    auto const account = space.account();
    for (auto const [entry, number] :
         std::views::zip(run, std::views::reverse(std::span(frames).first(pages)))) {
        auto const frame = PhysPage::numbered(number);
        machine::zero_frames(frame, 1);
        memory.meta(frame).reset(FrameKind::user, FrameCounts::owned(account));
        Pte::store(entry, Pte::from_raw(frame.start().raw() | bits));
    }
    add_live(*table, static_cast<std::ptrdiff_t>(pages));
    return true;
}

bool map_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
             std::uint64_t to, std::uint64_t mode) {
    auto const asked = Asked::parse(mode);
    if (from_id != 0 || asked.bits == 0) {
        return false;
    }
    OwnSpace const space;
    if (!space.alone()) {
        return false;
    }
    Neighbour neighbour(space, to_id, to, pages);
    auto const* const table = to_id == 0 ? space.table(LeafRole::target, to) : neighbour.table();
    auto const source = run_of(space.table(LeafRole::source, from), from, pages);
    auto const target = run_of(table, to, pages);
    // All present, with the rights; nothing there, so that no range can overlap the other.
    if (source.empty() || target.empty() || !is_empty(target) || !all_have(source, asked.needed)) {
        return false;
    }
    auto& memory = the_kernel.memory;
    auto const account = space.account();
    Narrowed const narrowed{Pte::address_mask | (asked.bits & ModeBits::may_bits),
                            asked.bits & ~ModeBits::may_bits};
    if (!map_owned(memory, source, target, narrowed, account) &&
        !map_others(memory, source, target, narrowed, account)) [[unlikely]] {
        if (to_id != 0) {
            neighbour.undo();
        } else {
            machine::invalidate_all();
            drop_all(memory, target, account);
        }
        return false;
    }
    add_live(*table, static_cast<std::ptrdiff_t>(pages));
    return true;
}

namespace {

[[gnu::noinline]] void copy_entries(Run source, Run target, std::uint64_t kept,
                                    std::uint64_t added) {
    if (kept == ~std::uint64_t{0}) {  // what most ask for
#pragma clang loop unroll_count(8)
        for (auto const [here, there] : std::views::zip(source, target)) {
            Pte::store(there, Pte::from_raw(here.raw() | added));
        }
        return;
    }
#pragma clang loop unroll_count(8)
    for (auto const [here, there] : std::views::zip(source, target)) {
        Pte::store(there, Pte::from_raw((here.raw() & kept) | added));
    }
}

}  // namespace

bool move_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
              std::uint64_t to, std::uint64_t mask) {
    if ((from_id | to_id) != 0 || mask >= ModeBits::modes) {
        return false;
    }
    auto const bits = ModeBits::of(mask);
    OwnSpace const space;
    if ((bits & Pte::present) == 0 || !space.alone()) {
        return false;
    }
    auto const* const from_table = space.table(LeafRole::source, from);
    auto const* const to_table = space.table(LeafRole::target, to);
    auto const source = run_of(from_table, from, pages);
    auto const target = run_of(to_table, to, pages);
    if (source.empty() || target.empty() || !all_have(source, ModeBits::always_needed) ||
        *from_table->live <= pages) {  // else the source's table may go
        return false;
    }
    auto& memory = the_kernel.memory;
    if (!is_empty(target)) [[unlikely]] {
        // One page may take another's place: a copy that of what it is a copy of.
        if (pages != 1 || from == to) {
            return false;
        }
        auto const old = std::exchange(target.front(), Pte{});
        machine::invalidate(UserPage::containing(UserAddr{to}));
        add_live(*to_table, -1);
        if (auto const cost = Mappings::drop(memory, old.user_frame(), space.account(), 1)) {
            memory.accounts.uncharge(space.account(), cost);
        }
    }
    constexpr auto masked = Pte::writable | ModeBits::may_bits;
    auto const kept = ~masked | bits;
    auto const added = bits & Pte::no_execute;
    copy_entries(source, target, kept, added);
    std::ranges::fill(source, Pte{});
    Invalidation const invalidation(pages);
    invalidation.all_of(from, pages);
    add_live(*from_table, -static_cast<std::ptrdiff_t>(pages));
    add_live(*to_table, static_cast<std::ptrdiff_t>(pages));
    return true;
}

namespace {

// Drops a mapping that is not its owner's; 0 if there was none.
[[gnu::noinline]] std::uint64_t drop_others(Memory& memory, PhysPage frame) {
    return frame.number() == 0 ? 0 : Mappings::drop_other(memory, UserFrame{frame}, 1);
}

}  // namespace

bool unmap_run(std::uint64_t address, std::uint64_t pages) {
    OwnSpace const space;
    if (!space.alone()) {
        return false;
    }
    auto const* const table = space.table(LeafRole::target, address);
    auto const run = run_of(table, address, pages);
    if (run.empty() || *table->live <= pages) {
        return false;  // the table may go
    }
    auto& memory = the_kernel.memory;
    auto const account = space.account();
    auto const metas = memory.frames.metas();
    FreedFrames<abi::max_range_pages> freed(memory);
    std::uint64_t cost = 0;
    std::ptrdiff_t absent = 0;
#pragma clang loop unroll_count(8)
    for (auto& entry : run) {
        auto& meta = metas.of_entry(entry.raw());
        Pte::store(entry, Pte{});
        // One by one: no count drops before the TLB has forgotten the page.
        machine::invalidate(UserPage::containing(UserAddr{address}));
        address += page_bytes;
        // Frame 0 is nobody's, so that an absent page is not taken for one of the account's.
        if (!meta.is_named(account)) [[unlikely]] {
            auto const others = drop_others(memory, metas.frame_of(meta));
            cost += others;
            absent += others == 0 ? 1 : 0;
            continue;
        }
        auto const now = machine::fetch_add(meta.counts, -FrameCounts::one_owner);
        if (now.is_negative) [[unlikely]] {
            freed.add_if_unused(meta, metas.frame_of(meta),
                                FrameCounts{now.before - FrameCounts::one_owner});
            ++cost;
        }
    }
    add_live(*table, absent - static_cast<std::ptrdiff_t>(pages));
    if (cost != 0) {
        memory.accounts.uncharge(account, cost);
    }
    return true;
}

}  // namespace quarry
