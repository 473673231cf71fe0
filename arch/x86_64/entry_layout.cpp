// What entry code assumes of the kernel's objects (layout.hpp): checked here.
#include "abi/calls.hpp"
#include "arch/x86_64/layout.hpp"
#include "kernel/kernel.hpp"

#include <bit>
#include <cstddef>

#pragma clang diagnostic ignored "-Winvalid-offsetof"  // classes, but without bases

namespace quarry::machine {

static_assert(offsetof(SavedState, rbp) == SAVED_RBP && offsetof(SavedState, rip) == SAVED_RIP);
static_assert(offsetof(SavedState, vector) == SAVED_VECTOR);
static_assert(offsetof(SavedState, rflags) == SAVED_RFLAGS);
static_assert(offsetof(SavedState, rsp) == SAVED_RSP);
static_assert(offsetof(SavedState, fs_base) == SAVED_END);
static_assert(offsetof(SavedState, fs_base) == SAVED_FS_BASE);
static_assert(offsetof(SavedState, gs_base) == SAVED_GS_BASE);

static_assert(offsetof(ProcessorState, task_state) + offsetof(TaskState, rsp) == PROCESSOR_RSP0);
static_assert(offsetof(Processor, machine) == 0);
static_assert(offsetof(Processor, current) == PROCESSOR_CURRENT);
static_assert(offsetof(Processor, running) == PROCESSOR_RUNNING);
static_assert(offsetof(Processor, index) == PROCESSOR_RUNNING + 4);
static_assert(offsetof(Processor, active_space) == PROCESSOR_ACTIVE_SPACE);
static_assert(offsetof(Processor, other_space) == PROCESSOR_OTHER_SPACE);
static_assert(offsetof(Processor, yielder) == PROCESSOR_YIELDER);

static_assert(offsetof(Environment, saved) == 0 && offsetof(Environment, upcall) == UPCALL_ENTRY);
static_assert(offsetof(abi::Upcall, stack) == UPCALL_STACK - UPCALL_ENTRY);
static_assert(offsetof(abi::Upcall, stack_bytes) == UPCALL_STACK_BYTES - UPCALL_ENTRY);
static_assert(offsetof(abi::Upcall, foreign_entry) == UPCALL_FOREIGN_ENTRY - UPCALL_ENTRY);
static_assert(offsetof(Environment, id) == ENVIRONMENT_ID);
static_assert(offsetof(Environment, slot_offset) == ENVIRONMENT_SLOT_OFFSET);
static_assert(offsetof(Environment, ready_for) == ENVIRONMENT_READY_FOR);
static_assert(offsetof(Environment, detours) == ENVIRONMENT_DETOURS);
static_assert(offsetof(Environment, on) == ENVIRONMENT_ON);
static_assert(offsetof(SavedState, vector_area) == SAVED_VECTOR_AREA);
static_assert(Environment::with_vectors == 1 << ENVIRONMENT_WITH_VECTORS_BIT);
static_assert(Environment::Detour::vectors == ENVIRONMENT_DETOUR_VECTORS);
static_assert(Environment::anyone == ENVIRONMENT_READY_FOR_ANYONE && Environment::nobody == 0);

using Slot = EnvironmentTable::Slot;
static_assert(offsetof(Kernel, environments) == KERNEL_ENVIRONMENTS);
static_assert(offsetof(Slot, lock) == SLOT_LOCK && offsetof(Slot, object) == SLOT_OBJECT);
static_assert(offsetof(Slot, id) == SLOT_ID);
static_assert(sizeof(Slot) == 1 << SLOT_SHIFT && sizeof(abi::EnvView) == sizeof(Slot));
static_assert(max_environments - 1 == SLOT_MASK);
static_assert(offsetof(abi::EnvView, status) == VIEW_STATUS);
static_assert(static_cast<unsigned>(abi::ViewStatus::not_runnable) == VIEW_NOT_RUNNABLE);

struct EntryLayout {
    static_assert(offsetof(Environment, space_) == ENVIRONMENT_SPACE);
    static_assert(offsetof(Space, root_address_) == SPACE_ROOT_ADDRESS);
    static_assert(offsetof(EnvironmentTable, slots_) == 0);
    static_assert(offsetof(Yielder, word_) == 0);
    static_assert(offsetof(Yielder, slot_offset_) == YIELDER_SLOT_OFFSET);
    static_assert(Yielder::by_detour == 1ull << 8 * YIELDER_BY_DETOUR_BYTE);
};

static_assert(abi::YieldTo::index == YIELD_TO);
static_assert(abi::IpcCall::index == IPC_CALL);
static_assert(abi::IpcReplyReceive::index == IPC_REPLY_RECEIVE);

// The fourth word comes in another register than a function's fourth argument.
constexpr std::uint64_t calls_of_few_words = [] {
    std::uint64_t calls = 0;
    abi::AllCalls::each([&]<typename Call>() {
        if (abi::words_of<typename Call::Arguments::Types> < 4) {
            calls |= std::uint64_t{1} << Call::index;
        }
    });
    return calls;
}();
static_assert(calls_of_few_words == CALLS_OF_FEW_WORDS);

}  // namespace quarry::machine
