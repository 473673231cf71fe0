// One page is so common that it has a way of its own, without loops and calls, for where the table
// is at hand. What this does not do, a run of pages may (page_runs.cpp), or the general way.
#include "kernel/calls/page_shortcuts.hpp"

#include "kernel/calls/own_space.hpp"
#include "kernel/calls/page_runs.hpp"

namespace quarry {
namespace {

enum class Outcome : std::uint8_t { done, not_at_hand, declined, charged_in_vain };

// An entry is read as a plain word where nothing depends on when: nobody else uses the space.
//
// One condition after the other, as everywhere here: clang would else gather them in registers that it
// then saves.
[[gnu::always_inline]] inline Outcome protect_one(Word address, Word mode) {
    OwnSpace const space;
    if (!space.alone()) [[unlikely]] {
        return Outcome::declined;
    }
    auto const& table = space.recent(LeafRole::target);
    auto const index = table.index_of(address);
    if (index >= machine::entries_per_table) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    if (mode >= ModeBits::modes) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    auto& entry = machine::entry_at(table.entries, index);
    auto const old = Pte::load(entry).raw();
    auto const needed = ModeBits::needed_to_protect(mode);
    if ((old & needed) != needed) [[unlikely]] {
        return Outcome::declined;
    }
    Pte::store(entry, Pte::from_raw((old & Pte::address_mask) | ModeBits::of(mode)));
    machine::invalidate(UserPage::containing(UserAddr{address}));
    return Outcome::done;
}

[[gnu::always_inline]] inline Outcome map_one(Word from, Word to, Word mode) {
    OwnSpace const space;
    if (!space.alone()) [[unlikely]] {
        return Outcome::declined;
    }
    if (mode >= ModeBits::modes) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    auto const& target = space.recent(LeafRole::target);
    auto const target_index = target.index_of(to);
    if (target_index >= machine::entries_per_table) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    auto& entry = machine::in_one_register(machine::entry_at(target.entries, target_index));
    if (entry.raw() != 0) [[unlikely]] {
        return Outcome::declined;
    }
    auto const& source = space.recent(LeafRole::source);
    auto const source_index = source.index_of(from);
    if (source_index >= machine::entries_per_table) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    auto const old = Pte::load(machine::entry_at(source.entries, source_index)).raw();
    auto const needed = ModeBits::needed(mode);
    if ((old & needed) != needed) [[unlikely]] {
        return Outcome::declined;
    }
    auto& meta = meta_of(the_kernel.memory, old);
    if (!meta.is_named(space.account())) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    if (machine::add_to_upper_half<FrameCounts::one_owner_above>(meta.counts)) [[unlikely]] {
        meta.counts.fetch_sub(FrameCounts::one_owner);  // more mappings than can be counted
        return Outcome::declined;
    }
    Pte::store(entry, Pte::from_raw(ModeBits::narrow(old, mode)));
    add_live(target, 1);
    return Outcome::done;
}

[[gnu::always_inline]] inline Outcome alloc_one(Word address, Word mode) {
    mode &= ~(abi::page_option::if_absent.bits << 32);
    auto& self = this_processor();
    OwnSpace const space;
    if (!space.alone()) [[unlikely]] {
        return Outcome::declined;
    }
    auto const& table = space.recent(LeafRole::target);
    auto const index = table.index_of(address);
    if (index >= machine::entries_per_table) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    if (mode >= ModeBits::modes) [[unlikely]] {
        return Outcome::not_at_hand;
    }
    auto const bits = ModeBits::of(mode);
    auto& entry = machine::in_one_register(machine::entry_at(table.entries, index));
    if (bits == 0) [[unlikely]] {
        return Outcome::declined;
    }
    if (entry.raw() != 0) [[unlikely]] {
        return Outcome::declined;
    }
    auto const account = space.account();
    if (!self.charge.take(account, 1)) [[unlikely]] {
        return Outcome::declined;
    }
    auto const number = self.frames.take_cached();
    if (number == 0) [[unlikely]] {
        return Outcome::charged_in_vain;
    }
    auto const frame = PhysPage::numbered(number);
    machine::zero_frames(frame, 1);
    the_kernel.memory.frames.metas().of(frame).reset(FrameKind::user, FrameCounts::owned(account));
    Pte::store(entry, Pte::from_raw(frame.start().raw() | bits));
    add_live(table, 1);
    return Outcome::done;
}

[[gnu::noinline]] Word page_protect_runs(Word id, Word address, Word pages, Word mode, Word e,
                                         Word f) {
    if (protect_run(id, address, pages, mode)) {
        return 0;
    }
    return quarry_full_table[abi::PageProtect::index](id, address, pages, mode, e, f);
}

[[gnu::noinline]] Word page_map_runs(Word from_id, Word from, Word pages, Word to_id, Word to,
                                     Word mode) {
    if (map_run(from_id, from, pages, to_id, to, mode)) {
        return 0;
    }
    return quarry_full_table[abi::PageMap::index](from_id, from, pages, to_id, to, mode);
}

[[gnu::noinline]] Word page_alloc_runs(Word id, Word address, Word pages, Word mode, Word e,
                                       Word f) {
    if (alloc_run(id, address, pages, mode)) {
        return 0;
    }
    return quarry_full_table[abi::PageAlloc::index](id, address, pages, mode, e, f);
}

// alloc_run refills the cache.
[[gnu::noinline]] Word page_alloc_refilling(Word id, Word address, Word pages, Word mode, Word e,
                                            Word f) {
    the_kernel.memory.accounts.uncharge(this_processor().active_space->account(), pages);
    return page_alloc_runs(id, address, pages, mode, e, f);
}

}  // namespace

// What they hand on is written with constants where it is known: fewer registers to keep.
Word page_protect_shortcut(Word id, Word address, Word pages, Word mode, Word e, Word f) {
    if (((pages - 1) | id) != 0) [[unlikely]] {
        [[clang::musttail]] return page_protect_runs(id, address, pages, mode, e, f);
    }
    auto const outcome = protect_one(address, mode);
    if (outcome == Outcome::done) [[likely]] {
        return 0;
    }
    if (outcome == Outcome::declined) {
        [[clang::musttail]] return quarry_full_table[abi::PageProtect::index](0, address, 1, mode,
                                                                              0, 0);
    }
    [[clang::musttail]] return page_protect_runs(0, address, 1, mode, 0, 0);
}

Word page_map_shortcut(Word from_id, Word from, Word pages, Word to_id, Word to, Word mode) {
    if (((pages - 1) | from_id | to_id) != 0) [[unlikely]] {
        [[clang::musttail]] return page_map_runs(from_id, from, pages, to_id, to, mode);
    }
    auto const outcome = map_one(from, to, mode);
    if (outcome == Outcome::done) [[likely]] {
        return 0;
    }
    if (outcome == Outcome::declined) {
        [[clang::musttail]] return quarry_full_table[abi::PageMap::index](0, from, 1, 0, to, mode);
    }
    [[clang::musttail]] return page_map_runs(0, from, 1, 0, to, mode);
}

Word page_alloc_shortcut(Word id, Word address, Word pages, Word mode, Word e, Word f) {
    if (((pages - 1) | id) != 0) [[unlikely]] {
        [[clang::musttail]] return page_alloc_runs(id, address, pages, mode, e, f);
    }
    auto const outcome = alloc_one(address, mode);
    if (outcome == Outcome::done) [[likely]] {
        return 0;
    }
    if (outcome == Outcome::declined) {
        [[clang::musttail]] return quarry_full_table[abi::PageAlloc::index](0, address, 1, mode, 0,
                                                                            0);
    }
    if (outcome == Outcome::charged_in_vain) {
        [[clang::musttail]] return page_alloc_refilling(0, address, 1, mode, 0, 0);
    }
    [[clang::musttail]] return page_alloc_runs(0, address, 1, mode, 0, 0);
}

Word page_unmap_shortcut(Word id, Word address, Word pages, Word d, Word e, Word f) {
    if (id == 0 && unmap_run(address, pages)) [[likely]] {
        return 0;
    }
    [[clang::musttail]] return quarry_full_table[abi::PageUnmap::index](id, address, pages, d, e,
                                                                        f);
}

Word page_share_shortcut(Word from_id, Word from, Word pages, Word to_id, Word to, Word mode) {
    if (share_run(from_id, from, pages, to_id, to, mode)) [[likely]] {
        return 0;
    }
    [[clang::musttail]] return quarry_full_table[abi::PageShare::index](from_id, from, pages, to_id,
                                                                        to, mode);
}

Word page_move_shortcut(Word from_id, Word from, Word pages, Word to_id, Word to, Word mode) {
    if (move_run(from_id, from, pages, to_id, to, mode)) [[likely]] {
        return 0;
    }
    [[clang::musttail]] return quarry_full_table[abi::PageMove::index](from_id, from, pages, to_id,
                                                                       to, mode);
}

}  // namespace quarry
