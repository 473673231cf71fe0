#include "user/linux/signals.hpp"

#include "abi/upcall.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

extern "C" {
extern char libos_return_begin[];
extern char libos_return_end[];
extern char libos_resume[];
extern char libos_resume_end[];
extern char libos_upcall_return_begin[];
extern char libos_upcall_iret[];
}

namespace quarry::libos {

constinit Signals signal_state;

namespace {

constexpr std::uint64_t default_handler = 0;
constexpr std::uint64_t ignore_handler = 1;
constexpr std::uint64_t flag_on_stack = 0x0800'0000;
constexpr std::uint64_t flag_restart = 0x1000'0000;
constexpr std::uint64_t flag_no_defer = 0x4000'0000;
constexpr std::uint64_t flag_reset = 0x8000'0000;
constexpr std::uint64_t unblockable = bit_of(SIGKILL) | bit_of(SIGSTOP);
constexpr std::uint64_t ignored_by_default =
    bit_of(SIGCHLD) | bit_of(SIGCONT) | bit_of(SIGURG) | bit_of(SIGWINCH);
constexpr std::uint64_t stopping =
    bit_of(SIGSTOP) | bit_of(SIGTSTP) | bit_of(SIGTTIN) | bit_of(SIGTTOU);

// The frame as Linux's x86-64 kernel lays it out: handlers, unwinders and debuggers know it.
struct SignalInfo {
    std::int32_t number, error, code, pad;
    std::uint64_t value[14];
};
static_assert(sizeof(SignalInfo) == 128);
struct MachineContext {
    std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    std::uint16_t cs, gs, fs, ss;
    std::uint64_t error, trap, old_mask, cr2;
    std::uint64_t vectors;  // address of the saved vector registers
    std::uint64_t reserved[8];
};
static_assert(sizeof(MachineContext) == 256);
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

// What XSAVE of all that is enabled takes (SDM volume 1, section 13.4).
std::uint64_t vector_bytes() {
    std::uint32_t eax = 0xd, ebx = 0, ecx = 0, edx = 0;
    asm("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ebx;
}

bool is_ignored(unsigned signal) {
    auto const handler = signal_state.actions[signal - 1].handler;
    return handler == ignore_handler ||
           (handler == default_handler && (ignored_by_default & bit_of(signal)) != 0);
}

std::uint64_t ignored_set() {
    std::uint64_t set = 0;
    for (unsigned signal = 1; signal <= signals; ++signal) {
        set |= is_ignored(signal) ? bit_of(signal) : 0;
    }
    return set & ~unblockable;
}

abi::Control& control() {
    return *reinterpret_cast<abi::Control*>(
        abi::control_address(abi::EnvId{this_thread().environment}));
}

// Takes interrupts again. Those that came meanwhile come now.
void open_mask() {
    __atomic_store_n(&control().mask, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&control().pending, __ATOMIC_SEQ_CST) != 0) {
        (void)env_interrupt(own_env, 0);
    }
}

bool is_on_alternate(Thread const& thread, std::uint64_t rsp) {
    auto const& stack = thread.alternate_stack;
    return !stack.disabled && rsp > stack.base && rsp - stack.base <= stack.bytes;
}

MachineContext context_of(Registers const& r, FaultCause const* cause) {
    auto const& f = r.frame;
    MachineContext context{};
    context.r8 = r.r8, context.r9 = r.r9, context.r10 = r.r10, context.r11 = r.r11;
    context.r12 = r.r12, context.r13 = r.r13, context.r14 = r.r14, context.r15 = r.r15;
    context.rdi = r.rdi, context.rsi = r.rsi, context.rbp = r.rbp, context.rbx = r.rbx;
    context.rdx = r.rdx, context.rax = r.rax, context.rcx = r.rcx;
    context.rsp = f.rsp, context.rip = f.rip, context.rflags = f.rflags;
    context.cs = 0x33;  // as Linux's user code segment is numbered: some programs look
    context.ss = 0x2b;
    if (cause != nullptr) {
        context.error = cause->error;
        context.trap = cause->trap;
        context.cr2 = cause->address;
    }
    return context;
}

// Saves the vector registers at an address of the program's. False: it has no memory there.
bool save_vectors(std::uint64_t at, std::uint64_t bytes) {
    std::array<std::byte, page_bytes> const zeros{};
    if (bytes > zeros.size() || !copy_out(at, zeros.data(), bytes)) {
        return false;
    }
    asm volatile("xsave64 (%0)" : : "r"(at), "a"(~0u), "d"(~0u) : "memory");
    return true;
}

// The program goes on in its handler. False: there is no stack for it.
bool push_handler(Registers& registers, unsigned signal, FaultCause const* cause) {
    auto& thread = this_thread();
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
    frame.context.machine = context_of(registers, cause);
    frame.context.machine.vectors = vectors;
    frame.context.mask = thread.has_saved_blocked ? thread.saved_blocked : thread.blocked;
    frame.context.machine.old_mask = frame.context.mask;
    frame.info.number = static_cast<std::int32_t>(signal);
    frame.info.code = cause != nullptr ? cause->code : 0;
    if (cause != nullptr) {
        frame.info.value[0] = cause->address;
    } else {
        frame.info.value[0] = process.id;
    }
    if (!save_vectors(vectors, bytes) || !copy_out(at, frame)) {
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

// What an interrupted call becomes: it begins again, or fails with EINTR.
void settle_call(Registers& registers, Action const* action) {
    auto const result = static_cast<std::int64_t>(registers.rax);
    if (result != restart_after_signal && result != restart_without_handler) {
        return;
    }
    bool const restarts = action == nullptr ||
                          (result == restart_after_signal && (action->flags & flag_restart) != 0);
    if (restarts) {
        registers.rax = this_thread().call_number;
        registers.frame.rip -= 2;  // the length of `syscall`
    } else {
        registers.rax = static_cast<std::uint64_t>(-EINTR);
    }
}

void end_or_stop(unsigned signal) {
    if ((stopping & bit_of(signal)) != 0) {
        (void)ask(protocol::Operation::stop_self, signal);
        return;
    }
    end_process(static_cast<int>(signal));
}

// One of the thread's own or of the process's that is not blocked; taken from where it was.
unsigned take_one() {
    auto& thread = this_thread();
    auto const own = thread.pending & ~thread.blocked;
    if (own != 0) {
        auto const signal = static_cast<unsigned>(std::countr_zero(own)) + 1;
        __atomic_fetch_and(&thread.pending, ~bit_of(signal), __ATOMIC_SEQ_CST);
        return signal;
    }
    for (;;) {
        auto shared = __atomic_load_n(&signal_state.pending, __ATOMIC_SEQ_CST);
        auto const open = shared & ~thread.blocked;
        if (open == 0) {
            return 0;
        }
        auto const signal = static_cast<unsigned>(std::countr_zero(open)) + 1;
        auto const before =
            __atomic_fetch_and(&signal_state.pending, ~bit_of(signal), __ATOMIC_SEQ_CST);
        if ((before & bit_of(signal)) != 0) {
            return signal;
        }
    }
}

bool is_libos(std::uint64_t rip) { return rip >= image_base && rip < image_end; }

bool is_between(std::uint64_t rip, char const* begin, char const* end) {
    return rip >= reinterpret_cast<std::uint64_t>(begin) &&
           rip < reinterpret_cast<std::uint64_t>(end);
}

// Another thread that would take some of these now hears of them.
void hand_on(std::uint64_t bits) {
    for (std::uint64_t slot = 0; slot < thread_table.used; ++slot) {
        if (is_live(slot) && slot != this_thread().slot && (bits & ~thread_at(slot).blocked) != 0) {
            (void)env_interrupt(abi::EnvId{thread_at(slot).environment}, std::uint64_t{1} << 62);
            return;
        }
    }
}

}  // namespace

bool has_deliverable(Thread const& thread) {
    auto const waiting = thread.pending | __atomic_load_n(&signal_state.pending, __ATOMIC_SEQ_CST);
    return (waiting & ~thread.blocked) != 0;
}

void take_interrupt(Registers& registers, std::uint64_t bits) {
    auto& thread = this_thread();
    constexpr std::uint64_t look_again = std::uint64_t{1} << 62;
    auto const came = bits & ~look_again & ~ignored_set();
    __atomic_fetch_or(&signal_state.pending, came, __ATOMIC_SEQ_CST);
    if (!has_deliverable(thread)) {
        if (came != 0) {
            hand_on(came);
        }
        open_mask();
        return;
    }
    thread.attention = 1;
    auto& frame = registers.frame;
    if (frame.rip == reinterpret_cast<std::uint64_t>(libos_upcall_iret)) {
        // In all but name the program was interrupted where that frame points.
        struct Return {
            std::uint64_t rip, cs, rflags, rsp, ss;
        };
        auto const& outer = *reinterpret_cast<Return const*>(frame.rsp);
        frame.rip = outer.rip, frame.rflags = outer.rflags, frame.rsp = outer.rsp;
    }
    if (!is_libos(frame.rip)) {
        return;
    }
    auto const go_back = [&](char const* to, std::uint64_t base) {
        frame.rip = reinterpret_cast<std::uint64_t>(to);
        frame.rsp = base;
        registers.rdi = base;
    };
    auto const call = reinterpret_cast<std::uint64_t>(&thread.call);
    if (is_between(frame.rip, libos_return_begin, libos_return_end)) {
        go_back(libos_return_begin, call);
    } else if (is_between(frame.rip, libos_resume, libos_resume_end)) {
        go_back(libos_resume, call);
    } else if (is_between(frame.rip, libos_upcall_return_begin, libos_upcall_iret)) {
        go_back(libos_upcall_return_begin, thread.upcall_frame);
    }
    // Interrupts stay masked, and one stays posted, so that the call being served does not block.
    (void)env_interrupt(own_env, look_again);
}

void deliver(Registers& registers, bool in_call) {
    auto& thread = this_thread();
    thread.attention = 0;
    // What was posted again to end a wait.
    (void)interrupt_wait(std::uint64_t{1} << 62, 1);
    open_mask();
    bool handled = false;
    while (auto const signal = take_one()) {
        auto const& action = signal_state.actions[signal - 1];
        if (is_ignored(signal) && (unblockable & bit_of(signal)) == 0) {
            continue;
        }
        if (action.handler == default_handler || (unblockable & bit_of(signal)) != 0) {
            end_or_stop(signal);
            continue;
        }
        if (in_call && !handled) {
            settle_call(registers, &action);
        }
        handled = true;
        if (!push_handler(registers, signal, nullptr)) {
            end_process(SIGSEGV);
        }
    }
    if (!handled) {
        if (in_call) {
            settle_call(registers, nullptr);
        }
        if (thread.has_saved_blocked) {
            thread.has_saved_blocked = false;
            thread.blocked = thread.saved_blocked;
            thread.attention = has_deliverable(thread) ? 1 : 0;
        }
    }
}

namespace {

// A shell says how its children died; for the first process and in a trace this does.
void report_fault(Registers const& registers, FaultCause const& cause) {
    if (process.id == 1 || (process.options & protocol::option_trace) != 0) {
        say("libos: '{}' is killed by signal {}: exception {}, address {:x}, at {:x}\n",
            std::string_view{this_thread().name.data()}, cause.signal, cause.trap, cause.address,
            registers.frame.rip);
    }
}

}  // namespace

void raise_fault(Registers& registers, FaultCause const& cause) {
    auto const signal = static_cast<unsigned>(cause.signal);
    auto& thread = this_thread();
    auto const handler = signal_state.actions[signal - 1].handler;
    bool const blocked = (thread.blocked & bit_of(signal)) != 0;
    if (blocked || handler == default_handler || handler == ignore_handler ||
        !push_handler(registers, signal, &cause)) {
        report_fault(registers, cause);
        end_process(cause.signal);
    }
}

void return_from_handler(Registers& registers) {
    auto& thread = this_thread();
    SignalFrame frame{};
    auto const at = registers.frame.rsp - 8;
    if (!copy_in(frame, at)) {
        end_process(SIGSEGV);
    }
    auto const& m = frame.context.machine;
    registers.r8 = m.r8, registers.r9 = m.r9, registers.r10 = m.r10, registers.r11 = m.r11;
    registers.r12 = m.r12, registers.r13 = m.r13, registers.r14 = m.r14, registers.r15 = m.r15;
    registers.rdi = m.rdi, registers.rsi = m.rsi, registers.rbp = m.rbp, registers.rbx = m.rbx;
    registers.rdx = m.rdx, registers.rax = m.rax, registers.rcx = m.rcx;
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
    thread.attention = has_deliverable(thread) ? 1 : 0;
}

void post_to_thread(std::uint64_t slot, unsigned signal) {
    auto& thread = thread_at(slot);
    __atomic_fetch_or(&thread.pending, bit_of(signal), __ATOMIC_SEQ_CST);
    if (&thread == &this_thread()) {
        reconsider();
    } else {
        (void)env_interrupt(abi::EnvId{thread.environment}, std::uint64_t{1} << 62);
    }
}

void reconsider() {
    auto& thread = this_thread();
    auto const ignored = ignored_set();
    __atomic_fetch_and(&thread.pending, ~ignored, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&signal_state.pending, ~ignored, __ATOMIC_SEQ_CST);
    if (has_deliverable(thread)) {
        thread.attention = 1;
    }
}

void reset_handlers() {
    for (auto& action : signal_state.actions) {
        action = {action.handler == ignore_handler ? ignore_handler : default_handler, 0, 0, 0};
    }
    this_thread().alternate_stack = {};
}

void end_process(int signal) {
    (void)ask(protocol::Operation::exit_group, static_cast<std::uint64_t>(signal) & 0x7f);
    end_process_now();
}

void end_process_now() {
    for (;;) {
        (void)env_exit(127);
    }
}

}  // namespace quarry::libos

extern "C" void libos_attend(quarry::libos::Registers* registers, bool in_call) {
    quarry::libos::deliver(*registers, in_call);
}
