// What can be done to the pages of a space: alloc, map, move, protect, unmap, share,
// split. Each checks,
// then gathers what it needs, then commits; an error before the commit leaves everything as it was,
// and the commit cannot fail. Frames and tables are given back only after every TLB has forgotten
// them. The common cases have short ways of their own (kernel/calls/page_shortcuts.cpp).
#pragma once

#include "base/result.hpp"
#include "kernel/page_perms.hpp"
#include "kernel/page_tables.hpp"
#include "kernel/processor_set.hpp"
#include "kernel/share_rule.hpp"

#include <cstdint>

namespace quarry {

// The address space as these operations see it, under its lock: its tables, who pays, and who may
// hold translations. No processor begins to use the space while its lock is held.
struct Mapped {
    Memory& memory;
    PageTables tables;
    AccountIndex account;
    bool here;             // this processor may hold its translations
    ProcessorSet& active;  // all that may, or come back to it without asking
    std::uint64_t others;  // of those, all but this one
    bool self_mapped;      // its tables can be read through the TLB too
};

enum class IfAbsent : bool { no, yes };
enum class IfSole : bool { no, yes };
enum class Lend : bool { no, yes };

// A lent mapping can be unmapped and replaced, nothing else. Spans are whole pages below the space's user top, 1 to 512 of them.
Result<void> page_alloc(Mapped space, PageSpan span, PagePerms perms, FrameSize size, IfAbsent);
Result<void> page_map(Mapped from, PageSpan source, Mapped to, UserPage at, PagePerms perms,
                      IfAbsent, Lend = Lend::no);
Result<void> page_move(Mapped from, PageSpan source, Mapped to, UserPage at, PagePerms mask,
                       IfAbsent);
Result<void> page_protect(Mapped space, PageSpan span, PagePerms perms, IfSole);
Result<void> page_unmap(Mapped space, PageSpan span);
Result<void> page_share(Mapped from, PageSpan source, Mapped to, UserPage at, ShareRule rule);
Result<void> page_split(Mapped space, UserPage at);

// Takes up to `budget` entries out of the tables of a space that is ending and frees those that
// become empty. True when only the root table is left. No processor may have the space active.
bool tear_down_step(Mapped space, std::size_t budget);

}  // namespace quarry
