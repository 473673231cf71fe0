// Ends the machine. Under QEMU the isa-debug-exit device turns the code into QEMU's own exit status
// (code * 2 + 1); what a program's status was travels as a record on the second serial port.
#pragma once

#include <cstdint>

namespace quarry::x86 {

// Known to tools/quarry_run.py.
enum class StopCode : std::uint32_t {
    powered_off = 0,         // status 1: look at the record
    panic = 0x10,            // 33
    missing_feature = 0x11,  // 35
    no_program = 0x12,       // 37
    nothing_to_run = 0x13,   // 39
};

[[noreturn]] void stop_machine(StopCode code);

}  // namespace quarry::x86
