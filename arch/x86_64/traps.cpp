#include "arch/x86_64/traps.hpp"

#include "arch/x86_64/apic.hpp"
#include "arch/x86_64/console_devices.hpp"
#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/panic.hpp"
#include "arch/x86_64/processor.hpp"
#include "arch/x86_64/vector_state.hpp"
#include "kernel/jos.hpp"
#include "kernel/kernel.hpp"
#include "kernel/monitor/monitor.hpp"

#include <array>

extern "C" {
extern std::uint64_t const quarry_trap_stubs[49];
extern char trap_255[];
extern char user_copy_begin[];
extern char user_copy_end[];
extern char user_copy_fault[];
[[noreturn]] void quarry_resume(quarry::machine::SavedState* saved);
}

namespace quarry::x86 {
namespace {

// SDM volume 3A, section 6.14.1.
struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t ist;
    std::uint8_t type;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
constinit std::array<Gate, 256> gates{};

constexpr std::uint8_t interrupt_gate = 0x8e;
constexpr std::uint8_t callable_by_programs = 0x60;

void set_gate(std::size_t vector, std::uint64_t address, std::uint8_t ist, std::uint8_t type) {
    gates[vector] = {static_cast<std::uint16_t>(address),
                     KERNEL_CODE_SELECTOR,
                     ist,
                     type,
                     static_cast<std::uint16_t>(address >> 16),
                     static_cast<std::uint32_t>(address >> 32),
                     0};
}

std::uint8_t ist_of(std::size_t vector) {
    switch (vector) {
        case vector_debug:
            return ist_debug;
        case vector_nmi:
            return ist_nmi;
        case vector_double_fault:
            return ist_double_fault;
        case vector_machine_check:
            return ist_machine_check;
        default:
            return ist_none;
    }
}

// What a page fault's error code says (SDM volume 3A, section 4.7).
std::string_view page_fault_detail(std::uint64_t error) {
    bool const present = (error & 1) != 0;
    if ((error & 16) != 0) {
        return present ? "execute, not permitted" : "execute, not mapped";
    }
    if ((error & 2) != 0) {
        return present ? "write, not permitted" : "write, not mapped";
    }
    return present ? "read, not permitted" : "read, not mapped";
}

void handle_interrupt(std::uint64_t vector) {
    if (vector != vector_spurious) {
        end_of_interrupt();
    }
    if (vector == vector_serial) {
        receive_keys();
    } else if (vector == vector_timer) {
        the_kernel.tick();
    } else if (vector == vector_processor) {
        serve_mailbox();
    }
}

// Whether the monitor takes it: the step it waits for, or a breakpoint.
bool is_monitors(Environment& environment, std::uint64_t vector) {
    if (vector == vector_debug && environment.stepping) {
        environment.stepping = false;
        environment.saved.set_single_step(false);
        print("stepped to 0x{:x}\n", environment.saved.rip);
        return true;
    }
    return vector == vector_breakpoint && the_kernel.breakpoints_enter_monitor &&
           !environment.space().form().is_jos();
}

// A fault of the running environment that entry code did not hand to its upcall.
void handle_fault(Environment& environment, machine::SavedState& saved) {
    auto const vector = saved.vector;
    if (is_monitors(environment, vector)) {
        run_monitor(the_kernel, &environment, exception_name(vector));
        return;
    }
    bool const is_page_fault = vector == vector_page_fault;
    Fault fault{.vector = vector,
                .address = is_page_fault ? read_cr2() : 0,
                .name = exception_name(vector),
                .detail = is_page_fault ? page_fault_detail(saved.error)
                                        : std::string_view{"in user mode"}};
    if (environment.space().form().is_jos()) {
        if (!jos::take_fault(environment, fault)) {
            the_kernel.end_by_fault(fault);
        }
        return;
    }
    // #DB comes on a stack of its own, so its upcall is made here.
    bool const has_upcall = environment.upcall.entry != 0;
    if (has_upcall && vector == vector_debug &&
        Kernel::push_upcall(environment, vector, saved.error, 0)) {
        return;
    }
    if (has_upcall) {
        fault.detail = Kernel::has_upcall_room(environment) ? "and its upcall stack is not writable"
                                                            : "and its upcall stack is full";
    }
    the_kernel.end_by_fault(fault);
}

// QEMU before 9.1 reads the frame of an `iretq` in user mode as the kernel would, so that SMAP
// refuses it. No access of a real processor's user mode faults as the kernel's with a page present.
// There SMAP is given up, on this processor, when a program first resumes from an upcall.
bool is_emulators_iret(machine::SavedState const& saved) {
    constexpr std::uint64_t present = 1;
    constexpr std::uint64_t by_user = 4;
    return saved.vector == vector_page_fault && (saved.error & (present | by_user)) == present &&
           (read_cr4() & cr4_smap) != 0;
}

// An address in the program or the kernel, between two labels of entry code.
bool is_between(std::uint64_t address, char const* begin, char const* end) {
    return address >= __builtin_bit_cast(std::uint64_t, begin) &&
           address < __builtin_bit_cast(std::uint64_t, end);
}

}  // namespace

std::string_view exception_name(std::uint64_t vector) {
    constexpr std::array<std::string_view, 22> names{
        "divide error",        "debug exception",    "non-maskable interrupt",
        "breakpoint",          "overflow",           "bound range exceeded",
        "invalid opcode",      "no vector unit",     "double fault",
        "coprocessor overrun", "invalid task state", "segment not present",
        "stack segment fault", "general protection", "page fault",
        "reserved exception",  "x87 error",          "alignment check",
        "machine check",       "vector unit error",  "virtualization exception",
        "control protection"};
    return vector < names.size() ? names[vector] : "unexpected interrupt";
}

void load_interrupt_table(bool with_own_stacks) {
    for (std::size_t i = 0; i < 49; ++i) {
        auto const type =
            i == vector_breakpoint ? interrupt_gate | callable_by_programs : interrupt_gate;
        set_gate(i, quarry_trap_stubs[i], with_own_stacks ? ist_of(i) : std::uint8_t{0},
                 static_cast<std::uint8_t>(type));
    }
    set_gate(vector_spurious, __builtin_bit_cast(std::uint64_t, &trap_255), 0, interrupt_gate);
    load_idt({sizeof(gates) - 1, __builtin_bit_cast(std::uint64_t, &gates)});
}

}  // namespace quarry::x86

using namespace quarry;

// From user mode; `saved` is the current environment's. Runs on the kernel stack.
extern "C" [[noreturn]] void quarry_user_trap(machine::SavedState* saved) {
    auto const vector = saved->vector;
    auto& environment = *this_processor().current;
    if (vector >= x86::vector_first_interrupt) {
        x86::handle_interrupt(vector);
    } else if (vector == x86::vector_nmi || vector == x86::vector_machine_check) {
        x86::panic_from_trap(*saved, x86::exception_name(vector));
    } else if (vector == x86::vector_no_device) {
        x86::give_vector_state(environment);
    } else if (x86::is_emulators_iret(*saved)) {
        x86::write_cr4(x86::read_cr4() & ~x86::cr4_smap);
    } else {
        x86::handle_fault(environment, *saved);
    }
    the_kernel.leave_call();
    __builtin_unreachable();
}

// From the kernel itself. Returns only if the instruction can go on.
extern "C" void quarry_kernel_trap(machine::SavedState* frame) {
    auto const vector = frame->vector;
    if (vector >= x86::vector_first_interrupt) {
        x86::handle_interrupt(vector);
        return;
    }
    if (vector == x86::vector_page_fault && x86::read_cr2() < abi::canonical_limit) {
        if (x86::is_between(frame->rip, user_copy_begin, user_copy_end)) {
            frame->rip = __builtin_bit_cast(std::uint64_t, &user_copy_fault);
            return;
        }
    }
    x86::panic_from_trap(*frame, x86::exception_name(vector));
}

// An exception with a stack of its own came from user mode: from here it is like any other.
extern "C" machine::SavedState* quarry_copy_user_frame(machine::SavedState const* frame) {
    auto& saved = this_processor().current->saved;
    __builtin_memcpy(&saved, frame, offsetof(machine::SavedState, fs_base));
    return &saved;
}
