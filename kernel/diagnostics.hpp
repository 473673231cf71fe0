// What the console says when a program goes wrong.
#pragma once

#include "kernel/kernel.hpp"

namespace quarry {

// One line that names the environment and the fault, then the program's calls, with function names
// where the boot archive has the program.
void report_fault(Kernel& kernel, Environment& environment, Fault const& fault);

}  // namespace quarry
