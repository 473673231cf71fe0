// Page faults of the program: what its mappings promise comes to be.
#include "user/linux/memory.hpp"
#include "user/linux/protection.hpp"
#include "user/linux/server.hpp"
#include "user/linux/thread.hpp"
#include "user/linux/uapi.hpp"
#include "user/rt/walk.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace quarry::libos {
namespace {

constexpr std::uint64_t error_present = 1;
constexpr std::uint64_t error_write = 2;
constexpr std::uint64_t error_execute = 16;

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
