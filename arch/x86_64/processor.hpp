// Setting up a processor: descriptor tables, segment registers, system-call registers.
#pragma once

#include "kernel/processor.hpp"

#include <cstdint>

namespace quarry::x86 {

extern constinit Processor boot_processor;

// GDT, TSS, segment registers, GS base and the system-call registers.
void initialise_processor(Processor& processor);

// Stacks that do not depend on what RSP was: SDM volume 3A, section 6.14.5.
enum Ist : std::uint8_t { ist_none = 0, ist_double_fault, ist_nmi, ist_debug, ist_machine_check };

}  // namespace quarry::x86
