// The memory that a program begins with.
#pragma once

#include "user/linux/memory.hpp"
#include "user/linux/program.hpp"

#include <cstdint>

namespace quarry::libos {

// Where the functions that need no call are: between the stack and what mmap gives out.
inline constexpr std::uint64_t vdso_at = mappings_top;

// Everything of the old program's goes; the new one's segments come, and its linker's if it has one. False: there is no
// memory for them, and the process has none that it could go on with.
[[nodiscard]] bool load(Program& program, Program& linker);

}  // namespace quarry::libos
