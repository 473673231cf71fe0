// What a program says or asks of memory that it has: advice, which pages are there, locks in memory.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/page_ranges.hpp"
#include "user/linux/uapi.hpp"

#include <mutex>

namespace quarry::libos {
namespace {

bool is_advice(std::uint64_t advice) {
    switch (advice) {
        case MADV_NORMAL:
        case MADV_RANDOM:
        case MADV_SEQUENTIAL:
        case MADV_WILLNEED:
        case MADV_DONTNEED:
        case MADV_FREE:
        case MADV_DONTNEED_LOCKED:
        case MADV_DONTFORK:
        case MADV_DOFORK:
        case MADV_MERGEABLE:
        case MADV_UNMERGEABLE:
        case MADV_HUGEPAGE:
        case MADV_NOHUGEPAGE:
        case MADV_DONTDUMP:
        case MADV_DODUMP:
        case MADV_COLD:
        case MADV_PAGEOUT:
            return true;
        default:
            return false;  // guard regions among them
    }
}

// Whether all of a range is mapped. The memory lock is held.
bool is_mapped(std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
        auto const* const mapping = memory.mappings.find(begin);
        if (mapping == nullptr) {
            return false;
        }
        begin = mapping->end;
    }
    return true;
}

// Calls that only need memory to be there: pages are never taken away from a program.
std::int64_t expect_mapped(std::uint64_t address, std::uint64_t length) {
    auto const begin = address & ~(page_bytes - 1);
    auto const bytes = pages_up(length + (address - begin));
    if (bytes == 0) {
        return 0;
    }
    if (!is_range(begin, bytes)) {
        return begin + bytes < begin ? -EINVAL : -ENOMEM;
    }
    std::lock_guard const guard{memory.lock};
    return is_mapped(begin, begin + bytes) ? 0 : -ENOMEM;
}

}  // namespace

namespace calls {

std::int64_t madvise(Registers& r) {
    auto const bytes = pages_up(r.rsi);
    if (!is_aligned(r.rdi) || !is_advice(r.rdx) || (bytes == 0 && r.rsi != 0)) {
        return -EINVAL;
    }
    if (bytes == 0) {
        return 0;
    }
    if (!is_range(r.rdi, bytes)) {
        return r.rdi + bytes < r.rdi ? -EINVAL : -ENOMEM;
    }
    std::lock_guard const guard{memory.lock};
    if (r.rdx == MADV_DONTNEED || r.rdx == MADV_FREE || r.rdx == MADV_DONTNEED_LOCKED) {
        drop_pages(r.rdi, r.rdi + bytes);
    }
    return is_mapped(r.rdi, r.rdi + bytes) ? 0 : -ENOMEM;
}

std::int64_t msync(Registers& r) {
    constexpr std::uint64_t known = MS_ASYNC | MS_INVALIDATE | MS_SYNC;
    bool const both = (r.rdx & MS_ASYNC) != 0 && (r.rdx & MS_SYNC) != 0;
    if (!is_aligned(r.rdi) || (r.rdx & ~known) != 0 || both) {
        return -EINVAL;
    }
    auto const error = expect_mapped(r.rdi, r.rsi);
    return error == 0 ? 0 : -ENOMEM;
}

// Nothing is ever paged out, so all is locked.
std::int64_t mlock(Registers& r) { return expect_mapped(r.rdi, r.rsi); }
std::int64_t mlock2(Registers& r) {
    constexpr std::uint64_t on_fault = 1;
    return (r.rdx & ~on_fault) != 0 ? -EINVAL : expect_mapped(r.rdi, r.rsi);
}
std::int64_t munlock(Registers& r) { return expect_mapped(r.rdi, r.rsi); }
std::int64_t mlockall(Registers& r) {
    constexpr std::uint64_t known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    return r.rdi == 0 || (r.rdi & ~known) != 0 || r.rdi == MCL_ONFAULT ? -EINVAL : 0;
}

// Which pages are there: a byte each.
std::int64_t mincore(Registers& r) {
    auto const bytes = pages_up(r.rsi);
    if (!is_aligned(r.rdi)) {
        return -EINVAL;
    }
    if (bytes == 0) {
        return 0;
    }
    if (!is_range(r.rdi, bytes)) {
        return -ENOMEM;
    }
    for (std::uint64_t page = 0; page < bytes / page_bytes; ++page) {
        {
            std::lock_guard const guard{memory.lock};
            if (memory.mappings.find(r.rdi + page * page_bytes) == nullptr) {
                return -ENOMEM;
            }
        }
        auto const is_there = static_cast<std::uint8_t>(is_resident(r.rdi + page * page_bytes));
        if (!copy_out(r.rdx + page, is_there)) {
            return -EFAULT;
        }
    }
    return 0;
}

}  // namespace calls
}  // namespace quarry::libos
