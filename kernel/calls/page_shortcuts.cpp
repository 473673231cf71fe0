#include "kernel/calls/page_shortcuts.hpp"

#include "kernel/decode.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

#include <ranges>

namespace quarry {
namespace {

using Run = std::span<Pte>;

// The caller's space, locked, if nobody else has the lock or uses the space.
class OwnSpace {
  public:
    explicit OwnSpace(Processor& self) NO_THREAD_SAFETY_ANALYSIS : space_(*self.active_space),
                                                                   lock_(*space_.lock),
                                                                   is_locked_(lock_.try_lock()),
                                                                   self_(self) {}
    ~OwnSpace() NO_THREAD_SAFETY_ANALYSIS {
        if (is_locked_) {
            lock_.unlock();
        }
    }
    OwnSpace(OwnSpace const&) = delete;
    OwnSpace& operator=(OwnSpace const&) = delete;
    bool alone() const { return is_locked_ && space_.active.load() == self_.bit; }
    Space& space() const { return space_; }
    AccountIndex account() const { return space_.account(); }

    // The table of a page below the user top; null if there is none. `keep`: see PageTables::leaf.
    LeafCache const* table(std::uint64_t address, LeafCache const* keep = nullptr) const {
        if (address % page_bytes != 0 || address >= space_.user_top().raw()) [[unlikely]] {
            return nullptr;
        }
        return space_.tables().leaf(UserPage::numbered(address >> page_shift), keep);
    }
    // The same if it is at hand: then it is below the user top, which ends a table.
    LeafCache const* recent_table(std::uint64_t address) const {
        if (address % page_bytes != 0) [[unlikely]] {
            return nullptr;
        }
        return space_.tables().recent_leaf(UserPage::numbered(address >> page_shift));
    }
    // The entries of these pages; empty if they are not all in the table.
    static Run run(LeafCache const* table, std::uint64_t address, std::uint64_t pages) {
        auto const offset = (address >> page_shift) % machine::entries_per_table;
        if (table == nullptr || pages - 1 >= machine::entries_per_table - offset) [[unlikely]] {
            return {};
        }
        return machine::entries_of(table->entries).subspan(offset, pages);
    }
    static Pte& entry(LeafCache const& table, std::uint64_t address) {
        return machine::entry_of(table.entries, address >> page_shift);
    }

  private:
    Space& space_;
    SpinLock& lock_;
    bool const is_locked_;
    Processor& self_;
};
static_assert(abi::jos_user_top % huge_bytes == 0 && abi::native_user_top % huge_bytes == 0 &&
              abi::self_map_user_top % huge_bytes == 0);

// Another space that a run may be mapped to at once: one that the caller's space made and shares its
// account with. Its table is made if need be, and goes again if nothing came into it.
class Neighbour {
  public:
    Neighbour(OwnSpace const& own, std::uint64_t id, std::uint64_t address, std::uint64_t pages) {
        if (id == 0 || !find(own, id)) {
            return;
        }
        auto const span = parse_span_of(*found_.object, address, pages);
        if (!span || !span->in_one_region()) {
            return;
        }
        span_ = *span;
        auto const tables = found_.object->tables();
        table_ = tables.leaf(span_.first);
        if (table_ == nullptr && make_table(own.account())) {
            table_ = tables.leaf(span_.first);
        }
    }
    Neighbour(Neighbour const&) = delete;
    Neighbour& operator=(Neighbour const&) = delete;
    ~Neighbour() {
        if (made_ && the_kernel.memory.meta(table_->table).live == 0) {
            (void)page_unmap(found_.object->mapped(), span_);
        }
    }
    LeafCache const* table() const { return table_; }

  private:
    bool find(OwnSpace const& own, std::uint64_t id) {
        if (id == own.space().id.value) {
            return false;
        }
        found_ = the_kernel.spaces.find(id, true);
        auto* const space = found_.object;
        return space != nullptr && space->creator_id == own.space().id.value && !space->ended &&
               space->account() == own.account();
    }
    bool make_table(AccountIndex account) {
        auto& memory = the_kernel.memory;
        auto const tables = found_.object->tables();
        if (tables.find(span_.first).is_mapping()) {
            return false;  // a huge one
        }
        auto const count = tables.missing(span_, 0);
        auto charge = Charge::make(memory.accounts, account, count);
        auto reserve = TableReserve::allocate(memory, count);
        if (!charge || !reserve) {
            return false;
        }
        charge->keep();
        (void)tables.make(memory, span_.first, 0, *reserve);
        made_ = true;
        return true;
    }

    SpaceTable::Found found_;
    PageSpan span_;
    LeafCache const* table_ = nullptr;
    bool made_ = false;
};

// The bits of an entry for a mode without options or tag; 0 if it is not a right one.
std::uint64_t entry_bits(std::uint64_t mode) { return mode < 32 ? Pte::bits_of_mode(mode) : 0; }
// The same for a mode with a tag.
std::uint64_t tagged_bits(std::uint64_t mode) {
    auto const bits = entry_bits(mode & ~abi::permission::tag_mask);
    return bits != 0 ? bits | (mode & abi::permission::tag_mask) : 0;
}
constexpr std::uint64_t may_bits = Pte::may_write | Pte::may_execute;
// Of a mapping that anything is done with.
constexpr std::uint64_t always_needed = Pte::present | Pte::unlent;
// Of what is asked, that which the mapping must have already.
constexpr std::uint64_t needed_bits = always_needed | may_bits;

// The bits that all entries have.
std::uint64_t common_bits(Run run) {
    auto all = ~std::uint64_t{0};
#pragma clang loop unroll_count(4)
    for (auto const& entry : run) {
        all &= Pte::load(entry).raw();
    }
    return all;
}
bool is_empty(Run run) {
    std::uint64_t any = 0;
#pragma clang loop unroll_count(4)
    for (auto const& entry : run) {
        any |= Pte::load(entry).raw();
    }
    return any == 0;
}

// Of the frame that an entry names.
FrameMeta& meta_of(Memory& memory, std::uint64_t entry) {
    return memory.frames.meta_at(PhysAddr{entry & Pte::address_mask});
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
    void finish() const {
        if (!one_by_one_) {
            machine::invalidate_all();
        }
    }

  private:
    bool one_by_one_;
};

void add_live(Memory& memory, PhysPage table, std::ptrdiff_t count) {
    auto& live = memory.meta(table).live;
    live = static_cast<std::uint16_t>(live + count);
}

// Takes the first `count` mappings of a range back that could not be mapped whole.
void undo_map(Memory& memory, Run source, Run target, std::size_t count, AccountIndex account) {
    for (auto const [here, there] : std::views::zip(source.first(count), target)) {
        (void)Mappings::drop(memory, Pte::load(here).user_frame(), account, 1);
        Pte::store(there, Pte{});
    }
    machine::invalidate_all();
}

bool protect_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages, std::uint64_t mode) {
    auto const bits = tagged_bits(mode);
    if (id != 0 || bits == 0) {
        return false;
    }
    OwnSpace const space(this_processor());
    if (!space.alone()) {
        return false;
    }
    auto const* const table = space.table(address);
    auto const run = OwnSpace::run(table, address, pages);
    if (run.empty()) {
        return false;
    }
    auto const needed = bits & needed_bits;
    if ((common_bits(run) & needed) != needed) {
        return false;
    }
    Invalidation const invalidation(pages);
    for (auto& entry : run) {
        Pte::store(entry, Pte::from_raw((Pte::load(entry).raw() & Pte::address_mask) | bits));
        invalidation.page(address);
        address += page_bytes;
    }
    invalidation.finish();
    return true;
}

bool alloc_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages, std::uint64_t mode) {
    auto const bits = entry_bits(mode & ~(abi::page_option::if_absent.bits << 32));
    if (id != 0 || bits == 0) {
        return false;
    }
    auto& self = this_processor();
    OwnSpace const space(self);
    if (!space.alone()) {
        return false;
    }
    auto const* const table = space.table(address);
    auto const run = OwnSpace::run(table, address, pages);
    if (run.empty() || !is_empty(run) || !self.charge.take(space.account(), pages)) {
        return false;
    }
    auto& memory = the_kernel.memory;
    std::array<std::uint32_t, abi::max_range_pages> frames;  // not initialised: see Retired
    if (!self.frames.take_many(memory.frames, std::span(frames).first(pages))) {
        memory.accounts.uncharge(space.account(), pages);
        return false;
    }
    for (auto const [entry, number] : std::views::zip(run, frames)) {
        auto const frame = PhysPage::numbered(number);
        machine::zero_frames(frame, 1);
        memory.meta(frame).reset(FrameKind::user, FrameCounts::owned(space.account()));
        Pte::store(entry, Pte::from_raw(frame.start().raw() | bits));
    }
    add_live(memory, table->table, static_cast<std::ptrdiff_t>(pages));
    return true;
}

bool map_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
             std::uint64_t to, std::uint64_t mode) {
    auto const bits = tagged_bits(mode);
    if (from_id != 0 || bits == 0) {
        return false;
    }
    OwnSpace const space(this_processor());
    if (!space.alone()) {
        return false;
    }
    auto const* const from_table = space.table(from);
    Neighbour const neighbour(space, to_id, to, pages);
    auto const* const to_table = to_id == 0 ? space.table(to, from_table) : neighbour.table();
    auto const source = OwnSpace::run(from_table, from, pages);
    auto const target = OwnSpace::run(to_table, to, pages);
    if (source.empty() || target.empty()) {
        return false;
    }
    // All present, with the rights; nothing there, so that no range can overlap the other.
    auto const needed = bits & needed_bits;
    if ((common_bits(source) & needed) != needed || !is_empty(target)) {
        return false;
    }
    auto& memory = the_kernel.memory;
    auto const account = space.account();
    auto const kept = Pte::address_mask | (bits & may_bits);
    auto const added = bits & ~may_bits;
    std::size_t done = 0;
#pragma clang loop unroll_count(4)
    for (auto const [here, there] : std::views::zip(source, target)) {
        auto const raw = Pte::load(here).raw();
        auto& counts = meta_of(memory, raw).counts;
        // Its owner maps it here, so it stays the owner while this lock is held.
        if (static_cast<AccountIndex>(counts.load(std::memory_order_relaxed)) != account)
            [[unlikely]] {
            break;
        }
        if (static_cast<std::int64_t>(counts.fetch_add(FrameCounts::one_owner) +
                                      FrameCounts::one_owner) < 0) [[unlikely]] {
            counts.fetch_sub(FrameCounts::one_owner);  // more mappings than can be counted
            break;
        }
        Pte::store(there, Pte::from_raw((raw & kept) | added));
        ++done;
    }
    if (done != pages) [[unlikely]] {
        undo_map(memory, source, target, done, account);
        return false;
    }
    add_live(memory, to_table->table, static_cast<std::ptrdiff_t>(pages));
    return true;
}

bool move_run(std::uint64_t from_id, std::uint64_t from, std::uint64_t pages, std::uint64_t to_id,
              std::uint64_t to, std::uint64_t mask) {
    auto const bits = entry_bits(mask);
    if ((from_id | to_id) != 0 || (bits & Pte::present) == 0) {
        return false;
    }
    OwnSpace const space(this_processor());
    if (!space.alone()) {
        return false;
    }
    auto const* const from_table = space.table(from);
    auto const* const to_table = space.table(to, from_table);
    auto const source = OwnSpace::run(from_table, from, pages);
    auto const target = OwnSpace::run(to_table, to, pages);
    if (source.empty() || target.empty() || !is_empty(target) ||
        (common_bits(source) & always_needed) != always_needed) {
        return false;
    }
    auto& memory = the_kernel.memory;
    if (memory.meta(from_table->table).live <= pages) {
        return false;  // the source's table may go
    }
    constexpr auto masked = Pte::writable | may_bits;
    auto const kept = ~masked | bits;
    auto const added = bits & Pte::no_execute;
    Invalidation const invalidation(pages);
#pragma clang loop unroll_count(4)
    for (auto const [here, there] : std::views::zip(source, target)) {
        Pte::store(there, Pte::from_raw((Pte::load(here).raw() & kept) | added));
        Pte::store(here, Pte{});
        invalidation.page(from);
        from += page_bytes;
    }
    invalidation.finish();
    add_live(memory, from_table->table, -static_cast<std::ptrdiff_t>(pages));
    add_live(memory, to_table->table, static_cast<std::ptrdiff_t>(pages));
    return true;
}

bool unmap_run(std::uint64_t id, std::uint64_t address, std::uint64_t pages) {
    if (id != 0) {
        return false;
    }
    OwnSpace const space(this_processor());
    if (!space.alone()) {
        return false;
    }
    auto const* const table = space.table(address);
    auto const run = OwnSpace::run(table, address, pages);
    auto& memory = the_kernel.memory;
    if (run.empty() || memory.meta(table->table).live <= pages) {
        return false;  // the table may go
    }
    auto const account = space.account();
    std::uint64_t cost = 0;
    std::ptrdiff_t absent = 0;
#pragma clang loop unroll_count(4)
    for (auto& entry : run) {
        auto const old = Pte::load(entry);
        Pte::store(entry, Pte{});
        // One by one: no count drops before the TLB has forgotten the page.
        machine::invalidate(UserPage::containing(UserAddr{address}));
        address += page_bytes;
        // Frame 0 is nobody's, so that an absent page is not taken for one of the account's.
        auto& counts = meta_of(memory, old.raw()).counts;
        bool const own =
            static_cast<AccountIndex>(counts.load(std::memory_order_relaxed)) == account;
        if (!own) [[unlikely]] {
            absent += old.is_empty() ? 1 : 0;
            cost += old.is_empty() ? 0 : Mappings::drop_other(memory, old.user_frame(), 1);
            continue;
        }
        auto const left = counts.fetch_sub(FrameCounts::one_owner) - FrameCounts::one_owner;
        if (static_cast<std::int64_t>(left) < 0) [[unlikely]] {
            cost += Mappings::last_of_owner(memory, old.user_frame(), FrameCounts{left}, 1);
        }
    }
    add_live(memory, table->table, absent - static_cast<std::ptrdiff_t>(pages));
    if (cost != 0) {
        memory.accounts.uncharge(account, cost);
    }
    return true;
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

// One page is so common that it has a way of its own, without loops and calls, for where the table
// is at hand.
enum class Outcome : std::uint8_t { done, not_at_hand, declined };

[[gnu::always_inline]] inline Outcome protect_one(Word address, Word mode) {
    auto const bits = entry_bits(mode);
    if (bits == 0) {
        return Outcome::declined;
    }
    auto const needed = bits & needed_bits;
    OwnSpace const space(this_processor());
    if (!space.alone()) {
        return Outcome::declined;
    }
    auto const* const table = space.recent_table(address);
    if (table == nullptr) {
        return Outcome::not_at_hand;
    }
    auto& entry = OwnSpace::entry(*table, address);
    auto const old = Pte::load(entry).raw();
    if ((old & needed) != needed) {
        return Outcome::declined;
    }
    Pte::store(entry, Pte::from_raw((old & Pte::address_mask) | bits));
    machine::invalidate(UserPage::containing(UserAddr{address}));
    return Outcome::done;
}

[[gnu::always_inline]] inline Outcome map_one(Word from, Word to, Word mode) {
    auto const bits = entry_bits(mode);
    if (bits == 0) {
        return Outcome::declined;
    }
    auto const needed = bits & needed_bits;
    OwnSpace const space(this_processor());
    if (!space.alone()) {
        return Outcome::declined;
    }
    auto const* const source = space.recent_table(from);
    auto const* const target = space.recent_table(to);
    if (source == nullptr || target == nullptr) {
        return Outcome::not_at_hand;
    }
    auto& memory = the_kernel.memory;
    auto const old = Pte::load(OwnSpace::entry(*source, from)).raw();
    auto& entry = OwnSpace::entry(*target, to);
    if ((old & needed) != needed || !Pte::load(entry).is_empty()) {
        return Outcome::declined;
    }
    auto& counts = meta_of(memory, old).counts;
    FrameCounts const now{counts.load(std::memory_order_relaxed)};
    if (static_cast<AccountIndex>(now.word()) != space.account() ||
        now.owner_mappings() >= FrameCounts::max_owner_mappings) {
        return Outcome::declined;
    }
    counts.fetch_add(FrameCounts::one_owner);
    Pte::store(entry,
               Pte::from_raw((old & (Pte::address_mask | (bits & may_bits))) | (bits & ~may_bits)));
    add_live(memory, target->table, 1);
    return Outcome::done;
}

[[gnu::always_inline]] inline Outcome alloc_one(Word address, Word mode) {
    auto const bits = entry_bits(mode & ~(abi::page_option::if_absent.bits << 32));
    if (bits == 0) {
        return Outcome::declined;
    }
    auto& self = this_processor();
    OwnSpace const space(self);
    if (!space.alone()) {
        return Outcome::declined;
    }
    auto const* const table = space.recent_table(address);
    if (table == nullptr) {
        return Outcome::not_at_hand;
    }
    auto& entry = OwnSpace::entry(*table, address);
    if (!Pte::load(entry).is_empty()) {
        return Outcome::declined;
    }
    auto const number = self.frames.take_cached();
    if (number == 0) {
        return Outcome::not_at_hand;  // alloc_run refills the cache
    }
    auto& memory = the_kernel.memory;
    auto const frame = PhysPage::numbered(number);
    if (!self.charge.take(space.account(), 1)) {
        memory.free_page(frame);
        return Outcome::declined;
    }
    machine::zero_frames(frame, 1);
    memory.meta(frame).reset(FrameKind::user, FrameCounts::owned(space.account()));
    Pte::store(entry, Pte::from_raw(frame.start().raw() | bits));
    add_live(memory, table->table, 1);
    return Outcome::done;
}

}  // namespace

// What they hand on is written with constants where it is known: fewer registers to keep.
Word page_protect_shortcut(Word id, Word address, Word pages, Word mode, Word e, Word f) {
    if (pages != 1 || id != 0) [[unlikely]] {
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
    if (pages != 1 || (from_id | to_id) != 0) [[unlikely]] {
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
    if (pages != 1 || id != 0) [[unlikely]] {
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
    [[clang::musttail]] return page_alloc_runs(0, address, 1, mode, 0, 0);
}

Word page_unmap_shortcut(Word id, Word address, Word pages, Word d, Word e, Word f) {
    if (id == 0 && unmap_run(id, address, pages)) [[likely]] {
        return 0;
    }
    [[clang::musttail]] return quarry_full_table[abi::PageUnmap::index](id, address, pages, d, e,
                                                                        f);
}

Word page_move_shortcut(Word from_id, Word from, Word pages, Word to_id, Word to, Word mode) {
    if (move_run(from_id, from, pages, to_id, to, mode)) [[likely]] {
        return 0;
    }
    [[clang::musttail]] return quarry_full_table[abi::PageMove::index](from_id, from, pages, to_id,
                                                                       to, mode);
}

}  // namespace quarry
