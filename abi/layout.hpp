// Where things lie in a user address space. DESIGN.md, "Contracts: Layout".
#pragma once

#include <cstddef>
#include <cstdint>

namespace quarry::abi {

inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::size_t page_shift = 12;
inline constexpr std::size_t huge_pages = 512;  // 4 KiB pages in a 2 MiB frame
inline constexpr std::size_t huge_bytes = page_bytes * huge_pages;
inline constexpr std::size_t max_range_pages = 512;  // of one page call

// User space ends one page below the canonical limit, so that no `syscall` instruction can leave a
// return address that `sysret` would fault on in ring 0 (Intel SDM volume 2B, SYSRET).
inline constexpr std::uint64_t canonical_limit = 0x0000'8000'0000'0000;
inline constexpr std::uint64_t user_end = canonical_limit - page_bytes;

// The last lower PML4 slot: control pages, read-only views, the library OS.
inline constexpr std::uint64_t system_slot = 0x0000'7f80'0000'0000;
inline constexpr std::uint64_t native_user_top = system_slot;

// Of it, above the control pages and the views: what serves a space without being its program.
inline constexpr std::uint64_t library_base = system_slot + (std::uint64_t{4} << 30);

// A space with a self-map has one more slot for it.
inline constexpr std::uint64_t self_map_user_top = system_slot - (std::uint64_t{1} << 39);

// JOS's layout, as its 64-bit descendants have it.
inline constexpr std::uint64_t jos_user_top = 0x80'0080'0000;
inline constexpr std::uint64_t jos_stack_top = jos_user_top - 2 * page_bytes;
inline constexpr std::uint64_t jos_stack_pages = 4;
// Programs probe the kernel at these two; the second one lies above the user top.
inline constexpr std::uint64_t jos_probe_low = 0xf010'0000;
inline constexpr std::uint64_t jos_probe_high = 0x80'0400'0000;

// Native programs, by convention of the loader and of user/rt (not fixed by the kernel).
inline constexpr std::uint64_t program_base = 0x0000'0000'0040'0000;
// What a program has from the start is in the program's own GiB, so that it needs few page tables; all
// but a large archive is in one 2 MiB region. No segment may be from there to the heap.
inline constexpr std::uint64_t start_area = 0x0000'0000'3fe0'0000;
inline constexpr std::uint64_t main_upcall_stack = start_area;
inline constexpr std::uint64_t stack_top = start_area + 0x10'0000;
inline constexpr std::size_t stack_pages = 64;
inline constexpr std::uint64_t archive_base = stack_top + 0x1'0000;  // boot archive, read-only
inline constexpr std::uint64_t start_area_end = 0x0000'1000'0000'0000;
inline constexpr std::uint64_t heap_base = start_area_end;
constexpr bool is_in_start_area(std::uint64_t address, std::uint64_t bytes) {
    return address < start_area_end && address + bytes > start_area;
}
inline constexpr std::uint64_t scratch_base = 0x0000'7100'0000'0000;  // spawn copies through here
inline constexpr std::uint64_t thread_stacks_base = 0x0000'7200'0000'0000;
inline constexpr std::uint64_t thread_stack_stride = 1u << 20;  // with a guard at its low end
inline constexpr std::uint64_t upcall_stacks_base = 0x0000'7300'0000'0000;
inline constexpr std::uint64_t upcall_stack_stride = 1u << 16;
inline constexpr std::uint64_t upcall_stacks_end =
    upcall_stacks_base + (std::uint64_t{1} << 16) * upcall_stack_stride;

}  // namespace quarry::abi
