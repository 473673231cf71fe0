// Where the library OS hears of the program's faults and of interrupts, and where its threads begin.
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/start.hpp"
#include "user/linux/text.hpp"
#include "user/linux/uapi.hpp"

#include <cstring>

extern "C" {
extern char libos_user_copy_begin[];
extern char libos_user_copy_end[];
extern char libos_user_copy_failed[];
extern char libos_user_touch_begin[];
extern char libos_user_touch_end[];
extern char libos_user_touch_failed[];
extern char libos_user_save_begin[];
extern char libos_user_save_end[];
extern char libos_user_string_begin[];
extern char libos_user_string_end[];
extern char libos_user_string_failed[];
extern char libos_user_exchange_begin[];
extern char libos_user_exchange_end[];
extern char libos_user_exchange_failed[];
void libos_upcall_entry();
void libos_call_entry();
void libos_traced_call_entry();
}

namespace quarry::libos {
namespace {

struct CarefulCode {
    char const* begin;
    char const* end;
    char const* failed;
};
constexpr std::array careful{
    CarefulCode{libos_user_copy_begin, libos_user_copy_end, libos_user_copy_failed},
    CarefulCode{libos_user_touch_begin, libos_user_touch_end, libos_user_touch_failed},
    CarefulCode{libos_user_save_begin, libos_user_save_end, libos_user_touch_failed},
    CarefulCode{libos_user_string_begin, libos_user_string_end, libos_user_string_failed},
    CarefulCode{libos_user_exchange_begin, libos_user_exchange_end, libos_user_exchange_failed},
};

std::uint64_t address_of(char const* label) { return reinterpret_cast<std::uint64_t>(label); }

// Goes on where a copy of the program's memory fails. False: the fault is no such copy's.
bool fail_copy(Registers& registers) {
    for (auto const& code : careful) {
        if (registers.frame.rip >= address_of(code.begin) &&
            registers.frame.rip < address_of(code.end)) {
            registers.frame.rip = address_of(code.failed);
            return true;
        }
    }
    return false;
}

constexpr int segv_unmapped = 1;
constexpr int segv_forbidden = 2;
constexpr int segv_kernel = 0x80;
constexpr int bus_no_address = 2;
constexpr int fpe_divide = 1;
constexpr int fpe_invalid = 7;
constexpr int ill_operation = 2;
constexpr int trap_breakpoint = 1;
constexpr int trap_trace = 2;

FaultCause cause_of(abi::UpcallFrame const& frame, FaultOutcome outcome) {
    FaultCause cause{SIGSEGV, segv_unmapped, frame.address, frame.cause, frame.error};
    switch (frame.cause) {
        case exception::page_fault:
            if (outcome == FaultOutcome::forbidden) {
                cause.code = segv_forbidden;
            } else if (outcome == FaultOutcome::beyond_end) {
                cause.signal = SIGBUS;
                cause.code = bus_no_address;
            }
            return cause;
        case exception::divide:
            return {SIGFPE, fpe_divide, frame.rip, frame.cause, 0};
        case 16:
        case 19:
            return {SIGFPE, fpe_invalid, frame.rip, frame.cause, 0};
        case exception::invalid_opcode:
            return {SIGILL, ill_operation, frame.rip, frame.cause, 0};
        case exception::breakpoint:
            return {SIGTRAP, trap_breakpoint, frame.rip, frame.cause, 0};
        case exception::debug:
            return {SIGTRAP, trap_trace, frame.rip, frame.cause, 0};
        case exception::alignment:
            return {SIGBUS, 1, frame.address, frame.cause, frame.error};
        default:
            return {SIGSEGV, segv_kernel, 0, frame.cause, frame.error};
    }
}

bool is_programs(std::uint64_t rip) { return rip < image_base || rip >= image_end; }

// The library OS itself went wrong: it ends with the program, and says where.
[[noreturn]] void report_own_fault(abi::UpcallFrame const& frame) {
    say("libos: exception {} at {:x}, address {:x}, stack {:x}\n", frame.cause, frame.rip,
        frame.address, frame.rsp);
    end_process_now();  // the server sees a thread end that did not say so
}

}  // namespace

bool handle_upcall(Registers& registers) {
    auto& frame = registers.frame;
    if (frame.cause == abi::upcall_interrupt) {
        take_interrupt(registers);
    } else {
        auto const outcome = frame.cause == exception::page_fault && frame.address < user_top
                                 ? mend_fault(frame.address, frame.error)
                                 : FaultOutcome::unmapped;
        if (outcome != FaultOutcome::mended) {
            if (outcome == FaultOutcome::no_memory) {
                say("libos: no memory left for a page at {:x}: the process is killed\n",
                    frame.address);
                end_process(SIGKILL);
            }
            if (!is_programs(frame.rip)) {
                if (!fail_copy(registers)) {
                    report_own_fault(frame);
                }
            } else {
                raise_fault(registers, cause_of(frame, outcome));
            }
        }
    }
    return is_programs(frame.rip);
}

bool is_live(std::uint64_t slot) {
    auto const there = __atomic_load_n(&thread_table.environments[slot], __ATOMIC_ACQUIRE);
    return there != 0 && (there & (ended_mark | reserved_mark)) == 0;
}

Thread& thread_at(std::uint64_t slot) {
    return *reinterpret_cast<Thread*>(area_of(slot) + thread_block_at);
}

constinit ThreadTable thread_table{};

Result<void> make_area(std::uint64_t slot) {
    auto const area = area_of(slot);
    constexpr auto mode = abi::permission::write;
    TRY(page_alloc(own_space, {area + upcall_stack_at, upcall_stack_pages}, mode));
    TRY(page_alloc(own_space, {area + call_stack_at, call_stack_pages + 2}, mode));
    begin_block(slot);
    return {};
}

abi::Upcall upcall_of(std::uint64_t slot) {
    bool const traced = (process.options & protocol::option_trace) != 0;
    auto* const calls = traced ? &libos_traced_call_entry : &libos_call_entry;
    return {reinterpret_cast<std::uint64_t>(&libos_upcall_entry), area_of(slot) + upcall_stack_at,
            upcall_stack_pages * page_bytes, reinterpret_cast<std::uint64_t>(calls)};
}

}  // namespace quarry::libos

extern "C" bool libos_upcall(quarry::libos::Registers* registers) {
    return quarry::libos::handle_upcall(*registers);
}
