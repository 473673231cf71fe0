// Interrupt controllers: each processor's local APIC with its timer, and the I/O APIC.
#pragma once

#include "base/address.hpp"

#include <cstdint>

namespace quarry::x86 {

// Masks the legacy controllers, enables the boot processor's APIC, routes the serial port's line.
void initialise_apic();
// This processor's own.
void initialise_local_apic();

void end_of_interrupt();

// Interrupts this processor once, so much later (at least once a second if it is longer).
void start_timer(std::uint64_t nanoseconds);
void stop_timer();

void send_interrupt(std::uint32_t apic_id, std::uint64_t vector);
void send_init(std::uint32_t apic_id);
// The processor begins in real mode at `code`, which lies below 1 MiB.
void send_startup(std::uint32_t apic_id, PhysPage code);

}  // namespace quarry::x86
