// Upcalls: how a program hears of its own faults, exceptions, foreign calls and interrupts.
// DESIGN.md, "Contracts: Upcalls".
#pragma once

#include "abi/types.hpp"

#include <cstdint>

namespace quarry::abi {

// Where an environment takes upcalls. Part of the kernel's entry code: the layout is fixed.
struct Upcall {
    std::uint64_t entry = 0;          // faults, exceptions and interrupts; 0: they end it
    std::uint64_t stack = 0;          // the upcall stack's lowest address, 16-byte aligned
    std::uint64_t stack_bytes = 0;    // and its size, a multiple of 16
    std::uint64_t foreign_entry = 0;  // where a foreign system call goes; 0: it returns ENOSYS
};

// What the kernel writes on the upcall stack: RSP points to it at the entry. The general registers
// are as they were. Popping the first three words and `iretq` resumes.
struct UpcallFrame {
    std::uint64_t address;  // of a page fault; of an interrupt its bits
    std::uint64_t cause;    // exception vector, or upcall_interrupt
    std::uint64_t error;    // the processor's error code; of an interrupt the old mask
    std::uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(UpcallFrame) == 64);

inline constexpr std::uint64_t upcall_interrupt = 256;
inline constexpr std::uint64_t red_zone_bytes = 128;

// One environment's control page, mapped at Control's address in its space.
struct Control {
    std::uint64_t mask;     // bits whose upcall is deferred; the program writes it
    std::uint64_t pending;  // bits posted and not taken; only the kernel's word counts
};

// Where an environment's control page lies in its space: one page for each slot of the table of
// environments.
constexpr std::uint64_t control_address(EnvId env) {
    constexpr std::uint64_t slots = 1u << 16;
    return system_slot + env.value % slots * page_bytes;
}

}  // namespace quarry::abi
