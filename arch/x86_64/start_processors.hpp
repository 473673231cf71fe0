// Starting the other processors.
#pragma once

#include "arch/x86_64/boot_info.hpp"
#include "kernel/processor.hpp"

namespace quarry::x86 {

// Stacks of this processor's own, for exceptions that must not depend on RSP.
void prepare_own_stacks(Processor& processor, std::size_t index);

// Starts every processor that the firmware lists, one after the other; each goes on to take work.
// One that does not answer is named on the console and left out.
void start_processors(BootInfo const& info);

}  // namespace quarry::x86
