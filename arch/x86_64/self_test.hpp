// Faults on purpose, to show that the machine's protections hold in the kernel and that a panic
// says what happened. `--self-test=NAME` on the kernel's command line.
#pragma once

#include <string_view>

namespace quarry::x86 {

// Does nothing for an empty name. Any known test ends in a panic; an unknown one is said so.
void run_self_test(std::string_view name);

}  // namespace quarry::x86
