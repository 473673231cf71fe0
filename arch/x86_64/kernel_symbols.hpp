// Names for kernel addresses, from a table that the build makes from the linked kernel
// (tools/kernel_symbols.py) and links in on a second pass.
#pragma once

#include "kernel/symbols.hpp"

#include <cstdint>

namespace quarry::x86 {

// The function that covers `address`, or one called "?".
Symbol kernel_symbol(std::uint64_t address);

}  // namespace quarry::x86
