// The end of the kernel: says why, where from and what the page tables looked like, then stops the
// machine with a status of its own.
#pragma once

#include "machine/saved_state.hpp"

#include <string_view>

namespace quarry::x86 {

[[noreturn]] void panic_from_trap(machine::SavedState const& frame, std::string_view cause);
[[noreturn]] void panic(std::string_view cause);

}  // namespace quarry::x86
