// What the console says when a program goes wrong.
#pragma once

#include "kernel/kernel.hpp"

namespace quarry {

// One line that names the environment and the fault, then the program's calls, with function names
// where the boot archive has the program.
void report_fault(Kernel& kernel, Environment& environment, Fault const& fault);

// A page of any space; empty if nothing is mapped there.
Bytes memory_at(Space& space, UserPage page);

// The calls of an environment that does not run, innermost first; and its registers.
void print_backtrace(Kernel& kernel, Environment const& environment);
void print_registers(Environment const& environment);

// What each environment does or waits for, a line each; of more than `most` how many more. They may be
// running meanwhile: a line can be of two moments.
void print_environments(Kernel& kernel, std::size_t most, Environment const* interrupted);

}  // namespace quarry
