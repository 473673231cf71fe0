// The kernel monitor: a prompt on the console from which the machine can be looked at, entered by a
// key (Ctrl-]), by a breakpoint, or after a panic in debug builds. Other processors go on meanwhile.
#pragma once

#include "kernel/kernel.hpp"

#include <string_view>

namespace quarry {

inline constexpr char monitor_key = 0x1d;  // Ctrl-]

// Reads and does commands until one of them goes on. `current` is the environment that was
// interrupted, or null; its registers are saved. Called without locks.
void run_monitor(Kernel& kernel, Environment* current, std::string_view why);

}  // namespace quarry
