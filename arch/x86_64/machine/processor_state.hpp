// What entry code needs of a processor, found through the GS base, and its descriptor tables.
#pragma once

#include "arch/x86_64/layout.hpp"

#include <cstddef>
#include <cstdint>

namespace quarry {
struct Processor;
}

namespace quarry::machine {

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

struct ProcessorState {
    std::uint64_t user_rsp = 0;  // scratch of the system-call entry
    std::uint64_t stack = 0;     // top of this processor's kernel stack
    Processor* self = nullptr;
    std::uint32_t apic_id = 0;
    bool vectors_permitted = false;  // CR0.TS is clear
    std::uint64_t gdt[8] = {};
    TaskState task_state;
};
static_assert(offsetof(ProcessorState, user_rsp) == PROCESSOR_USER_RSP);
static_assert(offsetof(ProcessorState, stack) == PROCESSOR_STACK);
static_assert(offsetof(ProcessorState, self) == PROCESSOR_SELF);

}  // namespace quarry::machine
