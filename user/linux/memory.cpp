// What is done to pages that are there: taken, protected, moved.
#include "user/linux/memory.hpp"

#include "user/linux/page_runs.hpp"
#include "user/linux/protection.hpp"
#include "user/linux/thread.hpp"

namespace quarry::libos {

constinit Memory memory;

std::uint64_t scratch_page() { return scratch_base + this_thread().slot * page_bytes; }

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

}  // namespace quarry::libos
