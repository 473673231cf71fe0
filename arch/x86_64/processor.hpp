// What belongs to one processor. Entry code finds it through the GS base.
#pragma once

#include "arch/x86_64/layout.hpp"
#include "machine/saved_state.hpp"

#include <cstddef>
#include <cstdint>

namespace quarry::x86 {

// SDM volume 3A, section 8.7: the 64-bit task-state segment.
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0 = 0;
    std::uint64_t rsp[3] = {};
    std::uint64_t reserved1 = 0;
    std::uint64_t ist[7] = {};
    std::uint64_t reserved2 = 0;
    std::uint16_t reserved3 = 0;
    std::uint16_t io_map = sizeof(std::uint32_t) * 26;  // beyond the limit: no port is allowed
};
static_assert(sizeof(TaskState) == 104);

struct Processor {
    std::uint64_t user_rsp = 0;   // scratch of the system-call entry
    std::uint64_t frame_end = 0;  // end of the running environment's `ss`: where entries push
    std::uint64_t stack = 0;      // top of this processor's kernel stack
    std::uint64_t gdt[8] = {};
    TaskState task_state;
};
static_assert(offsetof(Processor, user_rsp) == PROCESSOR_USER_RSP);
static_assert(offsetof(Processor, frame_end) == PROCESSOR_FRAME_END);
static_assert(offsetof(Processor, stack) == PROCESSOR_STACK);
static_assert(offsetof(machine::SavedState, rip) == FRAME_BYTES_BELOW_RIP);

extern constinit Processor boot_processor;

// GDT, TSS, segment registers, GS base and the system-call registers.
void initialise_processor(Processor& processor);

// Stacks that do not depend on what RSP was: SDM volume 3A, section 6.14.5.
enum Ist : std::uint8_t { ist_none = 0, ist_double_fault, ist_nmi, ist_debug, ist_machine_check };

}  // namespace quarry::x86
