#include "kernel/page_ops.hpp"

#include "kernel/retired.hpp"

#include <algorithm>

namespace quarry {
namespace {

constexpr unsigned level_of(FrameSize size) { return size == FrameSize::huge ? 1 : 0; }

// How the pages of a span are mapped now.
enum class Form : std::uint8_t { pages, one_huge };

// A huge mapping is handled whole: huge_page if the span touches one without being it.
Result<Form> form_of(PageTables tables, PageSpan span) {
    // A span reaches into at most two 2 MiB regions, so its ends see every huge mapping it touches.
    bool const first = tables.find(span.first).is_huge_mapping();
    bool const last =
        span.in_one_region() ? first : tables.find(span.page(span.count - 1)).is_huge_mapping();
    if (!first && !last) {
        return Form::pages;
    }
    if (!span.is_one_huge()) {
        return Error::huge_page;
    }
    return Form::one_huge;
}

bool any_mapped(PageTables tables, PageSpan span) {
    return Cursor{tables}.next_mapped(span, 0) != span.count;
}

// Whether the span can become mappings of this size: nothing half covered, nothing there if asked
// so.
Result<void> check_target(PageTables tables, PageSpan span, IfAbsent if_absent) {
    TRY(form_of(tables, span));
    if (if_absent == IfAbsent::yes && any_mapped(tables, span)) {
        return Error::already_mapped;
    }
    return {};
}

// Takes an empty table off its parent, and its parents as they become empty in turn.
void prune(Mapped space, UserPage page, Retired& retired) {
    auto slot = space.tables.find(page);
    while (slot.level != machine::top_level && space.memory.meta(slot.table).live == 0) {
        auto const parent = space.tables.find(page, slot.level + 1);
        PageTables::exchange(space.memory, parent, Pte{});
        retired.table(page, slot.table);
        slot = parent;
    }
}

// Takes every mapping out of the span, a huge one too. Tables stay.
void clear(Mapped space, PageSpan span, Retired& retired) {
    Cursor cursor{space.tables};
    for (std::size_t i = 0; i < span.count; ++i) {
        auto const slot = cursor.at(span.page(i));
        if (slot.is_mapping()) {
            retired.mapping(span.page(i), PageTables::exchange(space.memory, slot, Pte{}));
            if (slot.level == 1) {
                return;
            }
        }
    }
}

void prune_span(Mapped space, PageSpan span, Retired& retired) {
    prune(space, span.first, retired);
    if (!span.in_one_region()) {
        prune(space, span.page(span.count - 1), retired);
    }
}

// Makes room for a mapping of another size than what is there: a huge mapping gives way to a table,
// a table to a huge mapping.
void make_room(Mapped space, PageSpan span, unsigned level, Retired& retired) {
    auto const slot = space.tables.find(span.first, 1);
    if (slot.level != 1 || slot.read().is_empty()) {
        return;
    }
    if (level == 0 && slot.is_huge_mapping()) {
        clear(space, span, retired);
    } else if (level == 1 && slot.read().is_table(1)) {
        auto const table = slot.read().frame();
        clear(space, span, retired);
        PageTables::exchange(space.memory, slot, Pte{});
        retired.table(span.first, table);
    }
}

// Visits each mapping of a source span: 512 pages, or one huge one; none may be lent. Stops at the
// first error.
template <typename Visitor>
Result<void> each_mapping(PageTables tables, PageSpan span, Form form, Visitor visitor) {
    Cursor cursor{tables};
    std::size_t const step = form == Form::one_huge ? huge_pages : 1;
    for (std::size_t i = 0; i < span.count; i += step) {
        auto const slot = cursor.at(span.page(i));
        if (!slot.is_mapping()) {
            return Error::not_mapped;
        }
        if (slot.read().is_lent()) {
            return Error::lent;
        }
        TRY(visitor(i, slot));
    }
    return {};
}

// Visits each mapping of a span that is not lent, and passes over the rest.
template <typename Visitor>
Result<void> each_own(PageTables tables, PageSpan span, Form form, Visitor visitor) {
    Cursor cursor{tables};
    std::size_t const step = form == Form::one_huge ? huge_pages : 1;
    for (auto i = cursor.next_mapped(span, 0); i < span.count;
         i = cursor.next_mapped(span, i + step)) {
        auto const slot = cursor.at(span.page(i));
        if (!slot.read().is_lent()) {
            TRY(visitor(i, slot));
        }
    }
    return {};
}

}  // namespace

Result<void> page_alloc(Mapped space, PageSpan span, PagePerms perms, FrameSize size,
                        IfAbsent if_absent) {
    auto const level = level_of(size);
    if (size == FrameSize::huge && !span.is_one_huge()) {
        return Error::bad_range;
    }
    TRY(check_target(space.tables, span, if_absent));

    auto& memory = space.memory;
    auto const tables = space.tables.missing(span, level);
    auto charge = TRY(Charge::make(memory.accounts, space.account, span.count + tables));
    auto reserve = TRY(TableReserve::allocate(memory, tables));
    auto batch = TRY(FrameBatch::allocate(memory, span.count / pages_in(size), size));

    charge.keep();
    Retired retired{space, span};
    if (span.is_one_huge()) {
        make_room(space, span, level, retired);
    }
    Cursor cursor{space.tables};
    for (std::size_t i = 0; i < span.count; i += pages_in(size)) {
        auto slot = cursor.at(span.page(i));
        if (slot.level != level) {
            slot = space.tables.make(memory, span.page(i), level, reserve);
        }
        auto const frame = batch.take_for(space.account);
        auto const leaf = Pte::leaf(frame, perms, size == FrameSize::huge);
        retired.mapping(span.page(i), PageTables::exchange(memory, slot, leaf));
    }
    return {};
}

Result<void> page_map(Mapped from, PageSpan source, Mapped to, UserPage at, PagePerms perms,
                      IfAbsent if_absent, Lend lend) {
    PageSpan const target{at, source.count};
    bool const same_space = from.tables.root() == to.tables.root();
    if (same_space && source.overlaps(target) && source.first != at) {
        return Error::bad_range;
    }
    auto const form = TRY(form_of(from.tables, source));
    auto const size = form == Form::one_huge ? FrameSize::huge : FrameSize::page;
    if (size == FrameSize::huge && !target.is_one_huge()) {
        return Error::huge_page;
    }
    auto& memory = to.memory;
    std::uint64_t cost = 0;
    TRY(each_mapping(from.tables, source, form, [&](std::size_t, Slot slot) -> Result<void> {
        if (!slot.read().perms().allows(perms)) {
            return Error::bad_permission;
        }
        if (!Mappings::has_room(memory, slot.read().user_frame())) {
            return Error::out_of_account;
        }
        cost += Mappings::cost(memory, slot.read().user_frame(), to.account);
        return {};
    }));
    TRY(check_target(to.tables, target, if_absent));

    auto const level = level_of(size);
    auto const tables = to.tables.missing(target, level);
    auto charge = TRY(Charge::make(memory.accounts, to.account, cost + tables));
    auto reserve = TRY(TableReserve::allocate(memory, tables));

    charge.keep();
    Retired retired{to, target};
    if (target.is_one_huge()) {
        make_room(to, target, level, retired);
    }
    Cursor places{to.tables};
    return each_mapping(from.tables, source, form, [&](std::size_t i, Slot slot) -> Result<void> {
        auto const frame = slot.read().user_frame();
        auto const narrowed = slot.read().perms().narrowed_to(perms);
        Mappings::add(memory, frame, to.account);
        auto place = places.at(target.page(i));
        if (place.level != level) {
            place = to.tables.make(memory, target.page(i), level, reserve);
        }
        auto const leaf = Pte::leaf(frame, narrowed, size == FrameSize::huge, lend == Lend::yes);
        retired.mapping(target.page(i), PageTables::exchange(memory, place, leaf));
        return {};
    });
}

Result<void> page_move(Mapped from, PageSpan source, Mapped to, UserPage at, PagePerms mask,
                       IfAbsent if_absent) {
    PageSpan const target{at, source.count};
    if (from.tables.root() == to.tables.root() && source.overlaps(target)) {
        return Error::bad_range;
    }
    auto const form = TRY(form_of(from.tables, source));
    auto const size = form == Form::one_huge ? FrameSize::huge : FrameSize::page;
    if (size == FrameSize::huge && !target.is_one_huge()) {
        return Error::huge_page;
    }
    auto& memory = to.memory;
    std::uint64_t cost = 0;
    TRY(each_mapping(from.tables, source, form, [&](std::size_t, Slot slot) -> Result<void> {
        auto const frame = slot.read().user_frame();
        if (!Mappings::has_room(memory, frame)) {
            return Error::out_of_account;
        }
        // Within one account a move costs nothing: one mapping comes, one goes.
        cost += from.account == to.account ? 0 : Mappings::cost(memory, frame, to.account);
        return {};
    }));
    TRY(check_target(to.tables, target, if_absent));

    auto const level = level_of(size);
    auto const tables = to.tables.missing(target, level);
    auto charge = TRY(Charge::make(memory.accounts, to.account, cost + tables));
    auto reserve = TRY(TableReserve::allocate(memory, tables));

    charge.keep();
    Retired replaced{to, target};
    Retired left{from, source};
    if (target.is_one_huge()) {
        make_room(to, target, level, replaced);
    }
    TRY(each_mapping(from.tables, source, form, [&](std::size_t i, Slot slot) -> Result<void> {
        auto const old = PageTables::exchange(memory, slot, Pte{});
        bool const stays = from.account == to.account;
        if (!stays) {
            // Before what it replaces goes: that may be the last mapping that makes the account the
            // frame's owner, which the cost counted on.
            Mappings::add(memory, old.user_frame(), to.account);
        }
        auto const place = to.tables.make(memory, target.page(i), level, reserve);
        auto const moved = old.with_perms(old.perms().masked_by(mask));
        replaced.mapping(target.page(i), PageTables::exchange(memory, place, moved));
        if (stays) {
            left.changed(source.page(i), old);
        } else {
            left.mapping(source.page(i), old);
        }
        return {};
    }));
    prune_span(from, source, left);
    return {};
}

Result<void> page_protect(Mapped space, PageSpan span, PagePerms perms, IfSole if_sole) {
    auto const form = TRY(form_of(space.tables, span));
    auto& memory = space.memory;
    TRY(each_mapping(space.tables, span, form, [&](std::size_t, Slot slot) -> Result<void> {
        auto const now = slot.read().perms();
        if (now.allows(perms) && !now.lacks_bit_of(perms)) {
            return {};
        }
        if (if_sole == IfSole::no) {
            return Error::bad_permission;
        }
        if (!Mappings::is_sole(memory, slot.read().user_frame())) {
            return Error::not_sole;
        }
        return {};
    }));
    Retired retired{space, span};
    return each_mapping(space.tables, span, form, [&](std::size_t i, Slot slot) -> Result<void> {
        auto const changed = slot.read().with_perms(perms);
        retired.changed(span.page(i), PageTables::exchange(memory, slot, changed));
        return {};
    });
}

Result<void> page_unmap(Mapped space, PageSpan span) {
    TRY(form_of(space.tables, span));
    Retired retired{space, span};
    clear(space, span, retired);
    prune_span(space, span, retired);
    return {};
}

Result<void> page_share(Mapped from, PageSpan source, Mapped to, UserPage at, ShareRule rule) {
    PageSpan const target{at, source.count};
    if (from.tables.root() == to.tables.root() && source.overlaps(target)) {
        return Error::bad_range;
    }
    auto const form = TRY(form_of(from.tables, source));
    auto const size = form == Form::one_huge ? FrameSize::huge : FrameSize::page;
    if (size == FrameSize::huge && !target.is_one_huge()) {
        return Error::huge_page;
    }
    TRY(check_target(to.tables, target, IfAbsent::yes));

    auto& memory = to.memory;
    std::uint64_t cost = 0;
    auto first = source.count;
    std::size_t end = 0;
    TRY(each_own(from.tables, source, form, [&](std::size_t i, Slot slot) -> Result<void> {
        auto const frame = slot.read().user_frame();
        if (!Mappings::has_room(memory, frame)) {
            return Error::out_of_account;
        }
        cost += Mappings::cost(memory, frame, to.account);
        first = std::min(first, i);
        end = i + pages_in(size);
        return {};
    }));
    if (end == 0) {
        return {};
    }
    auto const level = level_of(size);
    auto const tables = to.tables.missing({target.page(first), end - first}, level);
    auto charge = TRY(Charge::make(memory.accounts, to.account, cost + tables));
    auto reserve = TRY(TableReserve::allocate(memory, tables));

    charge.keep();
    Retired parted{from, source};
    return each_own(from.tables, source, form, [&](std::size_t i, Slot slot) -> Result<void> {
        auto const old = slot.read();
        auto const now = old.with_perms(rule.of(old.perms()));
        Mappings::add(memory, old.user_frame(), to.account);
        auto const place = to.tables.make(memory, target.page(i), level, reserve);
        PageTables::exchange(memory, place, now);
        if (now.raw() != old.raw()) {
            parted.changed(source.page(i), PageTables::exchange(memory, slot, now));
        }
        return {};
    });
}

Result<void> page_split(Mapped space, UserPage at) {
    if (!at.is_huge_aligned()) {
        return Error::bad_argument;
    }
    auto const slot = space.tables.find(at, 1);
    if (slot.level != 1 || !slot.is_mapping()) {
        return Error::not_mapped;
    }
    auto& memory = space.memory;
    auto const old = slot.read();
    auto const first = old.frame();
    if (old.is_lent()) {
        return Error::lent;
    }
    if (!Mappings::is_sole(memory, old.user_frame())) {
        return Error::not_sole;
    }
    auto charge = TRY(Charge::make(memory.accounts, space.account, 1));
    auto reserve = TRY(TableReserve::allocate(memory, 1));

    charge.keep();
    auto const counts = memory.meta(first).load();
    memory.frames.split_huge(first);
    auto const table = reserve.take();
    for (std::size_t i = 0; i < huge_pages; ++i) {
        auto const frame = first.plus(i);
        memory.meta(frame).reset(FrameKind::user, counts);
        machine::table(table.page())[i] = Pte::leaf(UserFrame{frame}, old.perms(), false);
    }
    memory.meta(table.page()).live = huge_pages;
    Retired retired{space, {at, 1}};
    retired.changed(at, PageTables::exchange(memory, slot, Pte::table(table)));
    return {};
}

}  // namespace quarry
