// What a handler finds on its stack, and the way back from it.
#include "user/linux/signal_frame.hpp"

#include "abi/upcall.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"

#include <algorithm>
#include <cstring>

extern "C" bool libos_user_save_vectors(std::uint64_t to);

namespace quarry::libos {
namespace {

// The frame as Linux's x86-64 kernel lays it out: handlers, unwinders and debuggers know it.
struct MachineContext {
    std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    std::uint16_t cs, gs, fs, ss;
    std::uint64_t error, trap, old_mask, cr2;
    std::uint64_t vectors;  // address of the saved vector registers
    std::uint64_t reserved[8];
};
static_assert(sizeof(MachineContext) == 256);
// The first of these are in the order in which calls and upcalls save them.
constexpr std::size_t general_bytes = offsetof(MachineContext, rsp);
static_assert(offsetof(Registers, rax) == offsetof(MachineContext, rax) &&
              offsetof(Registers, frame) == general_bytes);
struct UserContext {
    std::uint64_t flags, link;
    std::uint64_t stack_base;
    std::uint32_t stack_flags, pad;
    std::uint64_t stack_bytes;
    MachineContext machine;
    std::uint64_t mask;
};
struct SignalFrame {
    std::uint64_t return_address;
    UserContext context;
    SignalInfo info;
};

constexpr std::uint64_t settable_flags = 0xcd5 | 0x40000;  // arithmetic, DF, AC
constexpr std::uint64_t red_zone = abi::red_zone_bytes;

// What XSAVE of all that is enabled takes (SDM volume 1, section 13.4); asked for once.
std::uint64_t vector_bytes() {
    static constinit std::uint32_t bytes = 0;
    if (bytes == 0) {
        std::uint32_t eax = 0xd, ebx = 0, ecx = 0, edx = 0;
        asm("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
        bytes = ebx;
    }
    return bytes;
}

bool is_on_alternate(Thread const& thread, std::uint64_t rsp) {
    auto const& stack = thread.alternate_stack;
    return !stack.disabled && rsp > stack.base && rsp - stack.base <= stack.bytes;
}

void fill(MachineContext& context, Registers const& r, FaultCause const* cause) {
    auto const& f = r.frame;
    std::memcpy(&context, &r, general_bytes);
    context.rsp = f.rsp, context.rip = f.rip, context.rflags = f.rflags;
    context.cs = 0x33;  // as Linux's user code segment is numbered: some programs look
    context.ss = 0x2b;
    if (cause != nullptr) {
        context.error = cause->error;
        context.trap = cause->trap;
        context.cr2 = cause->address;
    }
}

void fill(SignalInfo& info, protocol::SignalNote const& note) {
    info.number = note.number;
    info.code = note.code;
    info.value[0] = note.sender | std::uint64_t{note.user} << 32;
    info.value[1] = note.value;
}

}  // namespace

SignalInfo info_of(protocol::SignalNote const& note) {
    SignalInfo info{};
    fill(info, note);
    return info;
}

bool push_handler(Registers& registers, protocol::SignalNote const& note, FaultCause const* cause) {
    auto& thread = this_thread();
    auto const signal = static_cast<unsigned>(note.number);
    auto& action = signal_state.actions[signal - 1];
    auto const taken = action;
    bool const on_alternate = (taken.flags & flag_on_stack) != 0 &&
                              !thread.alternate_stack.disabled &&
                              !is_on_alternate(thread, registers.frame.rsp);
    auto top = on_alternate ? thread.alternate_stack.base + thread.alternate_stack.bytes
                            : registers.frame.rsp - red_zone;
    auto const bytes = vector_bytes();
    auto const vectors = (top - bytes) & ~std::uint64_t{63};
    auto const at = ((vectors - sizeof(SignalFrame)) & ~std::uint64_t{15}) - 8;
    SignalFrame frame{};
    frame.return_address = taken.restorer;
    frame.context.flags = 6;  // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
    frame.context.stack_base = thread.alternate_stack.base;
    frame.context.stack_bytes = thread.alternate_stack.bytes;
    frame.context.stack_flags = thread.alternate_stack.disabled ? 2u : on_alternate ? 1u : 0u;
    fill(frame.context.machine, registers, cause);
    frame.context.machine.vectors = vectors;
    frame.context.mask = thread.has_saved_blocked ? thread.saved_blocked : thread.blocked;
    frame.context.machine.old_mask = frame.context.mask;
    fill(frame.info, note);
    if (cause != nullptr) {
        frame.info.value[0] = cause->address;  // si_addr
    }
    if (at >= user_top || libos_user_save_vectors(vectors) || !copy_out(at, frame)) {
        return false;
    }
    thread.has_saved_blocked = false;
    thread.blocked |= taken.mask & ~unblockable;
    if ((taken.flags & flag_no_defer) == 0) {
        thread.blocked |= bit_of(signal);
    }
    if ((taken.flags & flag_reset) != 0) {
        action.handler = default_handler;
    }
    registers.rdi = signal;
    registers.rsi = at + offsetof(SignalFrame, info);
    registers.rdx = at + offsetof(SignalFrame, context);
    registers.rax = 0;
    registers.frame.rip = taken.handler;
    registers.frame.rsp = at;
    registers.frame.rflags = registers.frame.rflags & ~(settable_flags | 0x100);
    return true;
}

void return_from_handler(Registers& registers) {
    auto& thread = this_thread();
    SignalFrame frame;
    auto const at = registers.frame.rsp - 8;
    if (!copy_in(frame, at)) {
        end_process(SIGSEGV);
    }
    auto const& m = frame.context.machine;
    std::memcpy(&registers, &m, general_bytes);
    registers.frame.rsp = m.rsp;
    registers.frame.rip = m.rip;
    registers.frame.rflags = (m.rflags & settable_flags) | 0x202;
    thread.blocked = frame.context.mask & ~unblockable;
    alignas(64) std::array<std::byte, page_bytes> vectors;
    auto const bytes = std::min<std::uint64_t>(vector_bytes(), vectors.size());
    if (m.vectors != 0 && m.vectors % 64 == 0 && copy_in(vectors.data(), m.vectors, bytes)) {
        constexpr std::size_t mxcsr_at = 24;
        constexpr std::size_t header_at = 512;
        std::uint32_t mxcsr = 0;
        std::memcpy(&mxcsr, &vectors[mxcsr_at], sizeof(mxcsr));
        mxcsr &= 0xffff;  // reserved bits would fault
        std::memcpy(&vectors[mxcsr_at], &mxcsr, sizeof(mxcsr));
        std::memset(&vectors[header_at + 8], 0, 56);
        asm volatile("xrstor64 (%0)" : : "r"(vectors.data()), "a"(~0u), "d"(~0u) : "memory");
    }
    look_for_deliverable(thread);
}

}  // namespace quarry::libos
