#include "heap/linux/source.hpp"

#include "heap/linux/moves.hpp"
#include "heap/linux/quarry.hpp"
#include "heap/size_class.hpp"
#include "heap/window.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace slab::hosted {
namespace {

constexpr auto alignment = window_alignment;

// The metadata lies before the units; each has a frontier of its own.
constinit Frontier metadata;
constinit Frontier units;
constinit std::uintptr_t units_begin = 0;
constinit std::atomic<std::uintptr_t> window_end = 0;
// Whether this Linux is Quarry's: then the whole window may be touched, and pages come and go without
// the library OS.
constinit bool on_quarry = false;
// What is got at once there; larger memory comes as it is touched.
constexpr std::size_t eager_bytes = std::size_t{64} << 10;

// Each change between small and huge pages may leave a mapping more.
constexpr std::uint32_t most_changes = 1000;
constinit bool huge_pages_are_wished = false;
constinit bool lazy_purges_are_wished = false;

bool is_wished(char const* name) {
    auto const* const wish = secure_getenv(name);
    return wish != nullptr && std::string_view(wish) == "1";
}
[[gnu::constructor]] void read_wishes() {
    if (is_wished("SLAB_HUGE_PAGES")) {
        huge_pages_are_wished = true;
    }
    if (is_wished("SLAB_PURGE_LAZY")) {
        lazy_purges_are_wished = true;
    }
}

std::uintptr_t address_of(std::byte const* at) { return reinterpret_cast<std::uintptr_t>(at); }

// Which plan it was that led to a window of so many bytes.
std::size_t metadata_bytes(std::size_t window) {
    for (unsigned refusals = 0;; ++refusals) {
        if (auto const plan = plan_window<Source>(refusals); plan.bytes() == window) {
            return plan.metadata_bytes;
        }
    }
}

// A place in the lower half of the address space, from 32 to 64 TiB, at random: there the window can be extended,
// while the system puts programs and what they map above.
void* place_to_grow() {
    constexpr std::uintptr_t first = std::uintptr_t{1} << 45;
    return reinterpret_cast<void*>(first + random_word() % (first / alignment) * alignment);
}

}  // namespace

bool Frontier::advance(std::uintptr_t to, std::uintptr_t most, bool in_huge_pages) {
    auto end = end_.load(std::memory_order_acquire);
    while (end < to) {
        KeepErrno const kept;  // a free may want a page, too
        auto const step = in_huge_pages ? alignment : alignment / 2;
        auto const next = std::min(most, (to + step - 1) & ~(step - 1));
        // Whoever comes at the same time may do the same; the system minds no repetition.
        if (mprotect(reinterpret_cast<void*>(end), next - end, PROT_READ | PROT_WRITE) != 0) {
            return false;
        }
        if (in_huge_pages) {
            // Where there are none, small ones do.
            madvise(reinterpret_cast<void*>(end), next - end, MADV_HUGEPAGE);
        }
        if (in_huge_pages_.exchange(in_huge_pages, std::memory_order_relaxed) != in_huge_pages) {
            changes_.fetch_add(1, std::memory_order_relaxed);
        }
        if (end_.compare_exchange_weak(end, next, std::memory_order_acq_rel)) {
            return true;
        }
    }
    return true;
}

std::byte* Source::reserve(std::size_t bytes) {
    // Asked for with room to align; what is not needed goes back.
    on_quarry = quarry::is_here();
    void* const got = mmap(on_quarry ? nullptr : place_to_grow(), bytes + alignment,
                           on_quarry ? PROT_READ | PROT_WRITE : PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) {
        return nullptr;
    }
    auto* const begin = static_cast<std::byte*>(got);
    auto const skip = (alignment - address_of(begin) % alignment) % alignment;
    if (skip != 0) {
        munmap(begin, skip);
    }
    auto* const window = begin + skip;
    munmap(window + bytes, alignment - skip);
    units_begin = address_of(window) + metadata_bytes(bytes);
    window_end = address_of(window) + bytes;
    metadata.begin_at(address_of(window));
    units.begin_at(units_begin);
    return window;
}

bool Source::extend(std::byte* end, std::size_t bytes) {
    if (on_quarry) {
        return false;
    }
    KeepErrno const kept;
    // Not where there is something else; older systems take the address as a wish then.
    void* const got =
        mmap(end, bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED) {
        return false;
    }
    if (got != end) {
        munmap(got, bytes);
        return false;
    }
    window_end = address_of(end) + bytes;
    return true;
}

Committed Source::commit(std::byte* at, std::size_t bytes) {
    if (on_quarry) {
        if (bytes <= eager_bytes) {
            quarry::allocate(at, bytes);  // what it does not get comes by faults
        }
        return Committed::zeroed;
    }
    auto const end = address_of(at) + bytes;
    bool const done =
        end > units_begin ? units.advance(end, window_end) : metadata.advance(end, units_begin);
    return done ? Committed::zeroed : Committed::failed;
}

void Source::decommit(std::byte* at, std::size_t bytes) {
    if (on_quarry) {
        quarry::unmap(at, bytes);
        return;
    }
    KeepErrno const kept;
    if (madvise(at, bytes, MADV_DONTNEED) != 0) {
        // Not allowed to: a fresh mapping drops the pages too.
        auto const* const fresh =
            mmap(at, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        if (fresh == MAP_FAILED) {
            std::memset(at, 0, bytes);  // what is committed next is zero, in any case
        }
    }
}

void Source::populate(std::byte* at, std::size_t bytes) {
    if (on_quarry) {
        return;
    }
    constexpr int madv_populate_write = 23;  // Linux 5.14's, which older headers lack
    KeepErrno const kept;                    // what does not come now comes when it is touched
    madvise(at, bytes, madv_populate_write);
}

// It says so first, once, that it will ask for that; a child of a fork, too.
bool Source::synchronize() {
    KeepErrno const kept;
    auto const ask = [](int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; };
    return ask(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ||
           (ask(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
            ask(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
}

bool Source::purge_lazy(std::byte* at, std::size_t bytes) {
    KeepErrno const kept;
    return lazy_purges_are_wished && !on_quarry && madvise(at, bytes, MADV_FREE) == 0;
}

void Source::huge(std::byte* at) {
    if (huge_pages_are_wished && !on_quarry && units.changes() < most_changes) {
        units.advance(address_of(at) + huge_page_bytes, window_end, true);
    }
}

bool Source::remap(std::byte* from, std::byte* to, std::size_t bytes) {
    KeepErrno const kept;
    return commit(to, bytes) != Committed::failed && move_pages(from, to, bytes);
}

bool Source::take_over(std::byte* from, std::byte* to, std::size_t bytes) {
    KeepErrno const kept;
    return commit(to, bytes) != Committed::failed && take_pages_over(from, to, bytes);
}

void Source::renew(std::byte* at, std::size_t bytes) {
    KeepErrno const kept;
    if (!map_afresh(at, bytes)) {
        decommit(at, bytes);
    }
}

bool Source::exchange(std::byte* one, std::byte* other, std::size_t bytes) {
    KeepErrno const kept;
    return commit(one, bytes) != Committed::failed && commit(other, bytes) != Committed::failed &&
           exchange_pages(one, other, bytes);
}

namespace {

// Linux 6.13's, which Debian 12's headers lack.
constexpr int madv_guard_install = 102;
constexpr int madv_guard_remove = 103;
constinit std::atomic<bool> lacks_guard_regions = false;
// Without them each guard may leave two mappings more.
constexpr std::uint32_t most_guards = 1500;
constinit std::atomic<std::uint32_t> guards = 0;

}  // namespace

bool Source::guard(std::byte* at, std::size_t bytes) {
    KeepErrno const kept;
    if (!lacks_guard_regions.load(std::memory_order_relaxed)) {
        if (madvise(at, bytes, madv_guard_install) == 0) {
            return true;
        }
        lacks_guard_regions.store(true, std::memory_order_relaxed);
    }
    // The frontier has to be behind it: what it passes becomes usable.
    if (guards.load(std::memory_order_relaxed) >= most_guards ||
        !units.advance(address_of(at) + bytes, window_end)) {
        return false;
    }
    if (mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
             0) == MAP_FAILED) {
        return false;
    }
    guards.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// Part of it may have been guarded before there were too many mappings or the kernel refused; both ways are undone then.
void Source::unguard(std::byte* at, std::size_t bytes) {
    KeepErrno const kept;
    madvise(at, bytes, madv_guard_remove);
    if (lacks_guard_regions.load(std::memory_order_relaxed)) {
        show(at, bytes);
    }
}

bool Source::hide(std::byte* at, std::size_t bytes) {
    KeepErrno const kept;
    if (guards.load(std::memory_order_relaxed) >= most_guards ||
        mprotect(at, bytes, PROT_NONE) != 0) {
        return false;
    }
    guards.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// What was put out of reach in two parts may come back in one, and the other way round: the number of mappings is
// about right.
void Source::show(std::byte* at, std::size_t bytes) {
    KeepErrno const kept;
    if (!units.advance(address_of(at) + bytes, window_end) ||
        mprotect(at, bytes, PROT_READ | PROT_WRITE) != 0) {
        return;
    }
    auto left = guards.load(std::memory_order_relaxed);
    while (left != 0 && !guards.compare_exchange_weak(left, left - 1)) {
    }
}

bool Source::find_resident(std::byte* at, std::size_t pages, unsigned char* resident) {
    KeepErrno const kept;
    return mincore(at, pages * page_bytes, resident) == 0;
}

void Source::wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    KeepErrno const kept;
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void Source::wake(std::atomic<std::uint32_t>& word) {
    KeepErrno const kept;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

std::uint32_t Source::ticks() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    auto const a_second = on_quarry ? 2000 : 10;
    auto const nanoseconds = 1'000'000'000 / a_second;
    return static_cast<std::uint32_t>(now.tv_sec * a_second + now.tv_nsec / nanoseconds);
}

std::uint64_t random_word() {
    // 16 bytes that the kernel gave the program at its start; they need no system call.
    std::uint64_t words[2] = {};
    auto const* const bytes = reinterpret_cast<void const*>(getauxval(AT_RANDOM));
    if (bytes != nullptr) {
        std::memcpy(words, bytes, sizeof(words));
    }
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    auto mixed = words[0] ^ (words[1] << 32 | words[1] >> 32) ^
                 static_cast<std::uint64_t>(now.tv_nsec) << 20 ^
                 reinterpret_cast<std::uintptr_t>(&words);
    // A finisher of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit depends on all.
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

}  // namespace slab::hosted
