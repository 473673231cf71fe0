// Interrupt controllers: the local APIC and one I/O APIC, at the addresses where every PC has them.
#pragma once

namespace quarry::x86 {

// Routes the first serial port's interrupt to this processor.
void initialise_apic();
void end_of_interrupt();

}  // namespace quarry::x86
