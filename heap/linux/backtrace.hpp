// Who called, as far as frame pointers lead, without allocating.
#pragma once

#include "heap/linux/text.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace slab::hosted {

// Return addresses from outside this library, the nearest first; how many.
std::size_t note_callers(std::span<std::uintptr_t> to);

// A line: the object that an address lies in and where in it (addr2line -e takes that), the function's name if
// the object shows it.
void write_place(FileText& text, std::uintptr_t address);

}  // namespace slab::hosted
