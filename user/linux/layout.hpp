// Where the library OS keeps its things: all in the last slot, above abi::library_base, so that
// programs have the rest of the address space for themselves.
#pragma once

#include "abi/layout.hpp"

namespace quarry::libos {

using abi::page_bytes;

inline constexpr std::uint64_t image_base = abi::library_base;
inline constexpr std::uint64_t image_end = image_base + (std::uint64_t{256} << 20);
inline constexpr std::uint64_t mappings_base = image_end;  // the array of mappings, as it grows
inline constexpr std::uint64_t mappings_bytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t scratch_base = mappings_base + mappings_bytes;  // a page a thread
inline constexpr std::uint64_t staging_base = image_base + (std::uint64_t{512} << 20);
inline constexpr std::uint64_t staging_pages = 64;  // what exec keeps while memory goes
inline constexpr std::uint64_t threads_base = image_base + (std::uint64_t{1} << 30);

// One thread's area, from its lowest page on.
inline constexpr std::uint64_t thread_stride = std::uint64_t{256} << 10;
inline constexpr std::uint64_t max_threads = 2048;
inline constexpr std::uint64_t upcall_stack_at = 1 * page_bytes;  // below it a guard
inline constexpr std::uint64_t upcall_stack_pages = 6;
inline constexpr std::uint64_t call_stack_at = 8 * page_bytes;  // below it a guard
inline constexpr std::uint64_t call_stack_pages = 8;
inline constexpr std::uint64_t thread_block_at = call_stack_at + call_stack_pages * page_bytes;
inline constexpr std::uint64_t vectors_at = thread_block_at + page_bytes;
inline constexpr std::uint64_t channel_at = 32 * page_bytes;

// Where the program's own memory lies.
inline constexpr std::uint64_t lowest_mapping = 0x10000;  // vm.mmap_min_addr
inline constexpr std::uint64_t user_top = abi::self_map_user_top;
inline constexpr std::uint64_t stack_end = user_top - page_bytes;
inline constexpr std::uint64_t stack_bytes = std::uint64_t{8} << 20;
inline constexpr std::uint64_t mappings_top = stack_end - (std::uint64_t{1} << 30);
inline constexpr std::uint64_t pie_base = 0x5555'5555'4000;

}  // namespace quarry::libos
