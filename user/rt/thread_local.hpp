// Where a thread's `thread_local` objects lie: right below the address in FS, which points to itself
// (variant II of U. Drepper, "ELF Handling For Thread-Local Storage", section 3.4.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace quarry {

// The area and the word that FS points to, at its end.
std::size_t thread_area_bytes();

// Fills such an area, aligned to 64, and returns what FS must be.
std::uint64_t make_thread_area(std::span<std::byte> area);

// Runs the destructors of the caller's `thread_local` objects, the latest first.
void destroy_thread_locals();

}  // namespace quarry
