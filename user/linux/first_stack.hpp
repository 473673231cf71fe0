// What a program finds on its stack when it begins: AMD64 ABI, section 3.4.1.
#pragma once

#include "user/linux/process.hpp"
#include "user/linux/program.hpp"

#include <cstdint>

namespace quarry::libos {

// The stack pointer that it begins with; 0 if there was no memory.
std::uint64_t make_stack(ExecStrings const& strings, Program const& program, Program const& linker);

}  // namespace quarry::libos
