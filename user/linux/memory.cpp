#include "user/linux/memory.hpp"

#include "user/linux/server.hpp"
#include "user/linux/thread.hpp"
#include "user/linux/uapi.hpp"
#include "user/rt/walk.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

extern "C" {
bool libos_user_copy(void* to, void const* from, std::size_t bytes);
std::int64_t libos_user_string(char* to, char const* from, std::size_t bytes);
}

namespace quarry::libos {

constinit Memory memory;

namespace {

constexpr std::uint64_t error_present = 1;
constexpr std::uint64_t error_write = 2;
constexpr std::uint64_t error_execute = 16;
constexpr auto may_all = abi::permission::may_write | abi::permission::may_execute;

// What a frame of the program's own may be used for under a protection. A page is never writable and
// executable at once: one that should be both is writable until it is executed, and so on.
constexpr abi::Permissions permissions_when_executed(std::uint32_t protection) {
    return (protection & PROT_EXEC) != 0 ? abi::permission::execute | may_all
           : protection == PROT_NONE     ? may_all
                                         : abi::permission::read | may_all;
}
constexpr std::uint32_t all_protection = PROT_READ | PROT_WRITE | PROT_EXEC;
constexpr auto permissions_of_protection = [] {
    std::array<abi::Permissions, all_protection + 1> table{};
    for (std::uint32_t protection = 0; protection < table.size(); ++protection) {
        table[protection] = (protection & PROT_WRITE) != 0 ? abi::permission::write | may_all
                                                           : permissions_when_executed(protection);
    }
    return table;
}();
abi::Permissions permissions_for(std::uint32_t protection, bool executes = false) {
    return executes ? permissions_when_executed(protection)
                    : permissions_of_protection[protection & all_protection];
}

// Which accesses a protection allows: a bit for each value of a page fault's error code.
constexpr unsigned error_codes = 32;
constexpr auto allowed_accesses = [] {
    std::array<std::uint32_t, all_protection + 1> table{};
    for (std::uint32_t protection = 0; protection < table.size(); ++protection) {
        for (unsigned error = 0; error < error_codes; ++error) {
            auto const needed = (error & error_write) != 0     ? PROT_WRITE
                                : (error & error_execute) != 0 ? PROT_EXEC
                                                               : PROT_READ | PROT_WRITE | PROT_EXEC;
            bool const allowed = (protection & static_cast<std::uint32_t>(needed)) != 0;
            table[protection] |= std::uint32_t{allowed} << error;
        }
    }
    return table;
}();
bool allows(std::uint32_t protection, std::uint64_t error) {
    return (allowed_accesses[protection & all_protection] >> (error % error_codes) & 1) != 0;
}

std::uint64_t page_of(std::uint64_t address) { return address & ~(page_bytes - 1); }

// How many pages from here on, at most `limit`, have no mapping. Within one table.
std::uint64_t absent_pages(std::uint64_t page, std::uint64_t limit) {
    constexpr auto map = abi::native_self_map;
    auto const left = abi::huge_pages - (page >> abi::page_shift) % abi::huge_pages;
    limit = std::min(limit, left);
    if (walk::entries_at(map.root())[page >> 39] == 0 ||
        walk::entries_at(map.directories())[page >> 30] == 0 || walk::directory_entry(page) == 0) {
        return limit;
    }
    auto const* const entries = walk::entries_at(map.pages()) + (page >> abi::page_shift);
    std::uint64_t count = 1;
    while (count < limit && entries[count] == 0) {
        ++count;
    }
    return count;
}

// Who goes through memory page by page gets more at once each time; who touches here and there gets
// one.
constexpr std::uint64_t most_fault_pages = 32;

std::uint64_t pages_around(Mapping const& mapping, std::uint64_t page) {
    bool const goes_on = page == memory.last_fault_end;
    auto const wanted = goes_on ? std::min(memory.last_fault_pages * 2, most_fault_pages) : 1;
    auto const most = std::min(wanted, (mapping.end - page) / page_bytes);
    auto const pages = most == 1 ? 1 : absent_pages(page, most);
    memory.last_fault_pages = pages;
    memory.last_fault_end = page + pages * page_bytes;
    return pages;
}

// Of a file the neighbours are likely to be wanted too, and cost no memory.
constexpr std::uint64_t file_pages = 16;

FaultOutcome outcome_of(Result<void> const& done) {
    return done || done.error() == Error::already_mapped ? FaultOutcome::mended
                                                         : FaultOutcome::no_memory;
}

// A page of the program's own with what is there now.
FaultOutcome copy_page(std::uint64_t page, std::uint32_t protection) {
    auto const scratch = scratch_page();
    if (!page_alloc(own_space, {scratch, 1}, abi::permission::write | may_all)) {
        return FaultOutcome::no_memory;
    }
    std::memcpy(reinterpret_cast<void*>(scratch), reinterpret_cast<void const*>(page), page_bytes);
    return outcome_of(
        page_move(own_space, {scratch, 1}, own_space, {page}, permissions_for(protection)));
}

FaultOutcome fetch(Mapping const& mapping, std::uint64_t page) {
    bool const writable =
        mapping.kind == MappingKind::shared && (mapping.protection & PROT_WRITE) != 0;
    auto const permissions = writable                                ? abi::permission::write
                             : (mapping.protection & PROT_EXEC) != 0 ? abi::permission::execute
                                                                     : abi::permission::read;
    auto const first = mapping.offset_of(page) / page_bytes;
    auto const most = std::min(file_pages, (mapping.end - page) / page_bytes);
    auto const answer =
        map_pages(mapping.handle, first, absent_pages(page, most), page, permissions);
    if (answer > 0 || answer == -EEXIST) {
        return FaultOutcome::mended;
    }
    return answer == -ENOMEM ? FaultOutcome::no_memory : FaultOutcome::beyond_end;
}

FaultOutcome fill(Mapping const& mapping, std::uint64_t page) {
    if (mapping.kind != MappingKind::anonymous) {
        return fetch(mapping, page);
    }
    abi::AllocMode const mode{permissions_for(mapping.protection), abi::page_option::if_absent};
    if (page_alloc(own_space, {page, pages_around(mapping, page)}, mode)) {
        return FaultOutcome::mended;
    }
    return outcome_of(page_alloc(own_space, {page, 1}, mode));
}

// The page is there, but not for this.
FaultOutcome change(Mapping const& mapping, std::uint64_t page, std::uint64_t error,
                    walk::Entry entry) {
    bool const writes = (error & error_write) != 0;
    bool const executes = (error & error_execute) != 0;
    if ((writes && (entry & walk::writable) != 0) ||
        (executes && (entry & walk::no_execute) == 0 && (entry & walk::present) != 0) ||
        (!writes && !executes && (entry & walk::present) != 0)) {
        return FaultOutcome::mended;  // by another thread
    }
    if ((entry & walk::unlent) == 0) {
        if (writes && mapping.kind != MappingKind::shared) {
            return copy_page(page, mapping.protection);
        }
        (void)page_unmap(own_space, {page, 1});
        return fetch(mapping, page);
    }
    if (writes && (entry & copy_on_write.bits) != 0) {
        auto const own = permissions_for(mapping.protection);
        if (page_protect(own_space, {page, 1}, {own, abi::page_option::if_sole})) {
            return FaultOutcome::mended;
        }
        return copy_page(page, mapping.protection);
    }
    auto permissions = permissions_for(mapping.protection, executes);
    if ((entry & copy_on_write.bits) != 0) {
        permissions = abi::permission::execute | abi::permission::may_execute | copy_on_write;
    }
    return outcome_of(page_protect(own_space, {page, 1}, permissions));
}

// Calls function(range, kind) for what is mapped in [begin, end), in runs of at most 512 pages.
template <typename Function>
Result<void> each_run(std::uint64_t begin, std::uint64_t end, Function function) {
    constexpr std::uint64_t few = 4 * page_bytes;  // which are looked at one by one
    if (end - begin <= few) {
        for (auto page = begin; page < end; page += page_bytes) {
            if (auto const entry = walk::find_entry(page)) {
                TRY(function(abi::PageRange{page, 1}, {page, 1, entry & walk::kind_bits}));
            }
        }
        return {};
    }
    walk::Runs runs{end, begin};
    while (auto const run = runs.next()) {
        auto const first = std::max(run->address, begin);
        auto const last = std::min(run->address + run->pages * page_bytes, end);
        if (first >= end) {
            break;
        }
        if (first < last) {
            TRY(function(abi::PageRange{first, (last - first) / page_bytes}, *run));
            runs.look_again();
        }
    }
    return {};
}

}  // namespace

FaultOutcome mend_fault(std::uint64_t address, std::uint64_t error) {
    std::lock_guard const guard{memory.lock};
    auto const* const mapping = memory.mappings.find(address);
    if (mapping == nullptr) {
        return FaultOutcome::unmapped;
    }
    if (!allows(mapping->protection, error)) {
        return FaultOutcome::forbidden;
    }
    auto const page = page_of(address);
    auto const entry = walk::find_entry(page);
    return entry == 0 ? fill(*mapping, page) : change(*mapping, page, error, entry);
}

void drop_pages(std::uint64_t begin, std::uint64_t end) {
    if (end - begin <= abi::huge_bytes) {
        (void)page_unmap(own_space, {begin, (end - begin) / page_bytes});
        return;
    }
    (void)each_run(begin, end, [](abi::PageRange range, walk::Run const&) {
        return page_unmap(own_space, range);
    });
}

bool is_resident(std::uint64_t page) { return walk::is_mapped(page); }

bool replace(Mapping const& mapping) {
    if (memory.mappings.is_free(mapping.begin, mapping.end)) {
        return memory.mappings.add(mapping);
    }
    if (!memory.mappings.remove(mapping.begin, mapping.end)) {
        return false;
    }
    drop_pages(mapping.begin, mapping.end);
    return memory.mappings.add(mapping);
}

namespace {

// New rights for pages of one kind that are there. Lent pages go: they come back with the new ones.
Result<void> protect_run(abi::PageRange range, walk::Entry kind, std::uint32_t protection) {
    if ((kind & (walk::unlent | copy_on_write.bits)) == walk::unlent) [[likely]] {
        return page_protect(own_space, range, permissions_for(protection));
    }
    if ((kind & walk::unlent) == 0) {
        return page_unmap(own_space, range);
    }
    auto const right = protection == PROT_NONE         ? abi::permission::none
                       : (protection & PROT_EXEC) != 0 ? abi::permission::execute
                                                       : abi::permission::read;
    return page_protect(own_space, range, right | abi::permission::may_execute | copy_on_write);
}

// Not inlined, as the next one's short way needs few registers.
[[gnu::noinline]] Result<void> protect_runs(std::uint64_t begin, std::uint64_t end,
                                            std::uint32_t protection) {
    return each_run(begin, end, [&](abi::PageRange range, walk::Run const& run) {
        return protect_run(range, run.kind, protection);
    });
}

}  // namespace

Result<void> protect_pages(std::uint64_t begin, std::uint64_t end, std::uint32_t protection) {
    if (end - begin == page_bytes) {
        auto const entry = walk::find_entry(begin);
        return entry == 0 ? Result<void>{} : protect_run({begin, 1}, entry, protection);
    }
    return protect_runs(begin, end, protection);
}

namespace {

// Pages within one of the old place's tables. An error: not all of them are there and the program's own.
Result<void> move_within_table(std::uint64_t from, std::uint64_t pages, std::uint64_t to) {
    // All rights but the one to execute, which comes back with the first fault.
    constexpr auto mask = abi::permission::write | may_all;
    auto const move = [&](std::uint64_t first, std::uint64_t count) -> Result<void> {
        auto const at = first * page_bytes;
        return count == 0 ? Result<void>{}
                          : page_move(own_space, {from + at, count}, own_space, {to + at}, mask);
    };
    // A first page makes the tables, and a last one takes the old ones away: so the others are moved
    // within tables that stay, which is the kernel's quick way.
    std::uint64_t const first = walk::has_table(to) ? 0 : 1;
    std::uint64_t const last = first < pages && !walk::has_others(from, pages) ? 1 : 0;
    TRY(move(0, first));
    TRY(move(first, pages - first - last));
    return move(pages - last, last);
}

}  // namespace

// Pages go with their contents; lent ones stay behind and go.
Result<void> move_pages(std::uint64_t from, std::uint64_t end, std::uint64_t to) {
    for (auto at = from; at < end;) {
        auto const table_end = (at | (abi::huge_bytes - 1)) + 1;
        auto const part_end = std::min(table_end, end);
        auto const place = [&](std::uint64_t address) { return address - from + to; };
        bool const done = walk::find_entry(at) != 0 && !walk::is_huge(at) &&
                          move_within_table(at, (part_end - at) / page_bytes, place(at));
        if (!done) {
            auto const move = [&](abi::PageRange range, walk::Run const& run) {
                return run.is_lent()
                           ? page_unmap(own_space, range)
                           : move_within_table(range.address, range.pages, place(range.address));
            };
            TRY(each_run(at, part_end, move));
        }
        at = part_end;
    }
    return {};
}

namespace {

abi::Permissions right_of(walk::Run const& run) {
    return (run.kind & walk::present) == 0      ? abi::permission::none
           : (run.kind & walk::no_execute) == 0 ? abi::permission::execute
                                                : abi::permission::read;
}

// Those of a page that is not copied on write.
abi::Permissions permissions_of_run(walk::Run const& run) {
    return ((run.kind & walk::writable) != 0 ? abi::permission::write : right_of(run)) | may_all;
}

Result<void> copy_to(abi::SpaceId child, std::uint64_t page, abi::Permissions permissions) {
    auto const scratch = scratch_page();
    TRY(page_alloc(own_space, {scratch, 1}, abi::permission::write | may_all));
    std::memcpy(reinterpret_cast<void*>(scratch), reinterpret_cast<void const*>(page), page_bytes);
    return page_move(own_space, {scratch, 1}, child, {page}, permissions);
}

}  // namespace

std::uint64_t scratch_page() { return scratch_base + this_thread().slot * page_bytes; }

Result<void> share_memory(abi::SpaceId child) {
    return each_run(0, user_top, [&](abi::PageRange range, walk::Run const& run) -> Result<void> {
        if (run.is_lent()) {
            return {};
        }
        auto const parted = right_of(run) | abi::permission::may_execute | copy_on_write;
        TRY(page_map(own_space, range, child, {range.address}, parted));
        bool const is_parted = (run.kind & copy_on_write.bits) != 0;
        return is_parted ? Result<void>{} : page_protect(own_space, range, parted);
    });
}

Result<void> copy_memory(abi::SpaceId child) {
    return each_run(0, user_top, [&](abi::PageRange range, walk::Run const& run) -> Result<void> {
        if (run.is_lent()) {
            return {};
        }
        if ((run.kind & copy_on_write.bits) != 0) {
            return page_map(own_space, range, child, {range.address},
                            right_of(run) | abi::permission::may_execute | copy_on_write);
        }
        // Without the right to read they could not be copied.
        bool const readable = (run.kind & walk::present) != 0;
        if (!readable) {
            TRY(page_protect(own_space, range, abi::permission::read | may_all));
        }
        for (std::uint64_t i = 0; i < range.pages; ++i) {
            TRY(copy_to(child, range.address + i * page_bytes, permissions_of_run(run)));
        }
        return readable ? Result<void>{} : page_protect(own_space, range, may_all);
    });
}

Result<void> lend_memory(abi::SpaceId child) {
    return each_run(0, user_top, [&](abi::PageRange range, walk::Run const& run) -> Result<void> {
        if (run.is_lent()) {
            return {};
        }
        auto const permissions = (run.kind & copy_on_write.bits) != 0
                                     ? right_of(run) | abi::permission::may_execute | copy_on_write
                                     : permissions_of_run(run);
        return page_map(own_space, range, child, {range.address}, permissions);
    });
}

bool copy_in(void* to, std::uint64_t from, std::size_t bytes) {
    return from < user_top && bytes <= user_top - from &&
           !libos_user_copy(to, reinterpret_cast<void const*>(from), bytes);
}

bool copy_out(std::uint64_t to, void const* from, std::size_t bytes) {
    return to < user_top && bytes <= user_top - to &&
           !libos_user_copy(reinterpret_cast<void*>(to), from, bytes);
}

std::int64_t copy_in_string(char* to, std::uint64_t from, std::size_t bytes) {
    if (from >= user_top) {
        return -EFAULT;
    }
    return libos_user_string(to, reinterpret_cast<char const*>(from), bytes);
}

}  // namespace quarry::libos

namespace quarry::libos {
namespace {

// One page for the program's first touch of it. False: more must be looked at, and nothing was done.
[[gnu::always_inline]] inline bool fill_first_touch(abi::UpcallFrame const& frame) {
    auto const address = frame.address;
    auto const* const mapping = memory.mappings.last_found();
    auto const page = page_of(address);
    if (mapping == nullptr || !mapping->contains(address) ||
        !allows(mapping->protection, frame.error) || mapping->kind != MappingKind::anonymous ||
        page == memory.last_fault_end) {
        return false;
    }
    memory.last_fault_pages = 1;
    memory.last_fault_end = page + page_bytes;
    // One without rights is there too, which the kernel says.
    abi::AllocMode const mode{permissions_for(mapping->protection), abi::page_option::if_absent};
    return page_alloc(own_space, {page, 1}, mode).has_value();
}

[[gnu::noinline]] bool fill_with_lock(abi::UpcallFrame const& frame) {
    if (!memory.lock.try_lock()) {
        return false;
    }
    std::lock_guard const guard{memory.lock, std::adopt_lock};
    return fill_first_touch(frame);
}

}  // namespace
}  // namespace quarry::libos

// Whether a page fault was the program's first touch of a page, which is there now: the most common
// fault, the shortest way. The only thread of a program needs no lock: it was not in here.
extern "C" bool libos_first_touch(quarry::abi::UpcallFrame const* frame) {
    using namespace quarry::libos;
    if ((frame->error & error_present) != 0 || frame->rip >= image_base) {
        return false;
    }
    return thread_table.used == 1 ? fill_first_touch(*frame) : fill_with_lock(*frame);
}
