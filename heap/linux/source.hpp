// Linux's pages for the heap: one reservation that grows from its start, so that it stays two mappings.
#pragma once

#include "heap/linux/pressure.hpp"
#include "heap/page_source.hpp"
#include "heap/unit.hpp"

#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace slab::hosted {

// Says what is wrong with a pointer, as SLAB_ON_ERROR wants; allocates nothing.
void report(char const* what, void const* pointer, std::size_t block_bytes);
std::uint64_t random_word();

// free() and friends keep errno, whatever the system says meanwhile.
class KeepErrno {
  public:
    KeepErrno() = default;
    ~KeepErrno() { errno = kept_; }
    KeepErrno(KeepErrno const&) = delete;
    KeepErrno& operator=(KeepErrno const&) = delete;

  private:
    int kept_ = errno;
};

// The part of a reservation that may be used, which only grows.
class Frontier {
  public:
    constexpr Frontier() = default;
    void begin_at(std::uintptr_t address) { end_ = address; }
    // Makes what lies below `to` usable, and some more, up to `most`; in huge pages, if that is wanted and
    // the system has them.
    bool advance(std::uintptr_t to, std::uintptr_t most, bool in_huge_pages = false);

    // How often the kind of pages changed, about: each time may leave a mapping more.
    std::uint32_t changes() const { return changes_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uintptr_t> end_ = 0;
    std::atomic<bool> in_huge_pages_ = false;
    std::atomic<std::uint32_t> changes_ = 0;
};

struct Source {
    // 16 GiB with the metadata for as many units as links can lead to: see LinkKey.
    static constexpr std::size_t most_window_bytes = std::size_t{256} << 30;
    static constexpr std::size_t window_bytes =
        (std::size_t{16} << 30) - (most_window_bytes >> unit_shift) * sizeof(Unit);
    static constexpr bool stays_usable = true;

    std::byte* reserve(std::size_t bytes);
    bool extend(std::byte* end, std::size_t bytes);
    // Untouched pages cost nothing, so all that is needed is the right to touch them.
    Committed commit(std::byte* at, std::size_t bytes);
    void decommit(std::byte* at, std::size_t bytes);
    void populate(std::byte* at, std::size_t bytes);
    // By SLAB_PURGE_LAZY=1: they count as the program's until somebody needs them.
    bool purge_lazy(std::byte* at, std::size_t bytes);
    // By SLAB_HUGE_PAGES=1. Not by default: in a virtual machine that reports its free memory (Linux,
    // mm/page_reporting.c), a huge page is one that the host must find first, page by page.
    void huge(std::byte* at);
    // The pages go in their tables. What was there stays mapped, and empty: nobody else can take it.
    bool remap(std::byte* from, std::byte* to, std::size_t bytes);
    bool take_over(std::byte* from, std::byte* to, std::size_t bytes);
    void renew(std::byte* at, std::size_t bytes);
    // What cannot be exchanged at `other` is lost; `one` is kept in any case.
    bool exchange(std::byte* one, std::byte* other, std::size_t bytes);
    void release(std::byte* at, std::size_t bytes) { munmap(at, bytes); }
    // By the kernel's guard regions, where it has them; else by mappings, of which there are so many.
    bool guard(std::byte* at, std::size_t bytes);
    void unguard(std::byte* at, std::size_t bytes);
    bool hide(std::byte* at, std::size_t bytes);
    void show(std::byte* at, std::size_t bytes);
    bool find_resident(std::byte* at, std::size_t pages, unsigned char* resident);
    void fail(char const* what, void const* pointer, std::size_t block_bytes) {
        report(what, pointer, block_bytes);
    }
    std::uint64_t entropy() { return random_word(); }
    bool synchronize();
    bool pressure() { return is_memory_short(); }
    static void wait(std::atomic<std::uint32_t>& word, std::uint32_t value);
    static void wake(std::atomic<std::uint32_t>& word);
    // Tenths of a second; where pages come and go for little (Quarry), half milliseconds.
    std::uint32_t ticks();
};

}  // namespace slab::hosted
