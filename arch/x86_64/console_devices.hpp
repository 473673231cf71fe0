// Where console text goes: the first serial port, and VGA text memory or a framebuffer.
#pragma once

#include "arch/x86_64/boot_info.hpp"

namespace quarry::x86 {

// Serial only; before anything else.
void initialise_serial_console();
// The screen too, once device memory can be reached.
void initialise_screen(BootInfo const& info);
void enable_keys();
// From the receive interrupt: hands the keys to the kernel.
void receive_keys();

}  // namespace quarry::x86
