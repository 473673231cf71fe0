// A program's own faults. A handler sees what happened, may change memory, mappings and registers,
// and says whether to go on.
#pragma once

#include "abi/upcall.hpp"
#include "user/rt/call.hpp"

#include <cstdint>
#include <span>

namespace quarry {

// The interrupted code's registers, as the upcall entry saved them, in the order of Linux's signal
// frames. A handler may change them.
struct UpcallRegisters {
    std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx;
    abi::UpcallFrame frame;
};

namespace exception {  // SDM volume 3A, table 6-1
inline constexpr std::uint64_t divide = 0;
inline constexpr std::uint64_t debug = 1;
inline constexpr std::uint64_t breakpoint = 3;
inline constexpr std::uint64_t invalid_opcode = 6;
inline constexpr std::uint64_t general_protection = 13;
inline constexpr std::uint64_t page_fault = 14;
inline constexpr std::uint64_t alignment = 17;
}  // namespace exception

class ProgramFault {
  public:
    explicit ProgramFault(UpcallRegisters& registers) : registers_(registers) {}

    std::uint64_t vector() const { return registers_.frame.cause; }
    bool is_page_fault() const { return vector() == exception::page_fault; }
    // Of a page fault: what was touched, and how (SDM volume 3A, section 4.7).
    std::uint64_t address() const { return registers_.frame.address; }
    std::uint64_t page() const { return address() & ~std::uint64_t{abi::page_bytes - 1}; }
    bool is_present() const { return (registers_.frame.error & 1) != 0; }
    bool is_write() const { return (registers_.frame.error & 2) != 0; }
    bool is_execute() const { return (registers_.frame.error & 16) != 0; }
    UpcallRegisters& registers() { return registers_; }
    // Goes on elsewhere.
    void resume_at(std::uint64_t rip) { registers_.frame.rip = rip; }

  private:
    UpcallRegisters& registers_;
};

enum class AfterFault : std::uint8_t {
    resume,   // the instruction is made again, or what resume_at says
    give_up,  // the program ends, as it would have without a handler
};
using FaultHandler = AfterFault (*)(ProgramFault&);
// Interrupt bits that came; they are masked until it returns.
using InterruptHandler = void (*)(std::uint64_t bits, UpcallRegisters&);

// The handlers of the whole program: every thread's faults come here once it has an upcall stack.
void set_fault_handler(FaultHandler handler);
void set_interrupt_handler(InterruptHandler handler);

// Gives the caller's environment an upcall stack of its own; the first call of the two above does
// it for the caller.
Result<void> prepare_upcalls();
// The same for another environment of this space, on memory that the caller provides.
Result<void> prepare_upcalls_of(abi::EnvId env, std::span<std::byte> stack);

// Where a thread's upcall stack lies: one place for each slot.
abi::PageRange upcall_stack_of(abi::EnvId env);
// Where that of the caller lies when the library allocates it: who runs on the stack that the program
// began with has a place beside that, and so has its child after a fork.
abi::PageRange own_upcall_stack(abi::EnvId self);
bool is_on_main_stack();
// A page between upcall stacks, and so in no fork: where a program with threads keeps the lock under
// which pages are copied.
inline constexpr std::uint64_t copy_lock_page =
    abi::upcall_stacks_base + abi::upcall_stack_stride / 2;

// Interrupt bits of the caller: those of the mask wait until it is lifted.
std::uint64_t set_interrupt_mask(std::uint64_t mask);

}  // namespace quarry
