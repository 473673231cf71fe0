// Quarry's page calls for a Linux program that runs there: the same binary on both systems. The library
// OS tells by an auxiliary vector entry; what is mapped in a window of ours by these calls it finds in
// the page tables, as what it mapped itself.
#pragma once

#include <sys/auxv.h>

#include <cstddef>
#include <cstdint>

namespace slab::hosted::quarry {

inline bool is_here() {
    constexpr unsigned long at_quarry = 0x5155'4152;
    return getauxval(at_quarry) != 0;
}

// A native call: docs/calls.md. Its result, an error as its negation.
inline std::int64_t call(std::uint64_t number, std::uint64_t address, std::uint64_t pages,
                         std::uint64_t mode) {
    constexpr std::uint64_t native_base = 0x8000'0000;
    auto rax = native_base + number;
    std::uint64_t rdi = 0;  // one's own space
    register std::uint64_t r10 asm("r10") = mode;
    asm volatile("syscall"
                 : "+a"(rax), "+D"(rdi), "+S"(address), "+d"(pages), "+r"(r10)
                 :
                 : "rcx", "r8", "r9", "r11", "memory");
    return static_cast<std::int64_t>(rax);
}

inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::size_t most_pages = 512;  // of one call

// Zeroed pages where none are. False: some were there, or there is no memory.
inline bool allocate(std::byte const* at, std::size_t bytes) {
    constexpr std::uint64_t page_alloc = 0x10;
    constexpr std::uint64_t read_write_may_all = 0x1b;
    constexpr std::uint64_t if_absent = std::uint64_t{1} << 32;
    return call(page_alloc, reinterpret_cast<std::uint64_t>(at), bytes / page_bytes,
                read_write_may_all | if_absent) == 0;
}

inline void unmap(std::byte const* at, std::size_t bytes) {
    constexpr std::uint64_t page_unmap = 0x14;
    for (std::size_t done = 0; done < bytes; done += most_pages * page_bytes) {
        auto const left = (bytes - done) / page_bytes;
        call(page_unmap, reinterpret_cast<std::uint64_t>(at) + done,
             left < most_pages ? left : most_pages, 0);
    }
}

}  // namespace slab::hosted::quarry
