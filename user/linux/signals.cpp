#include "user/linux/signals.hpp"

#include "abi/upcall.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signal_frame.hpp"
#include "user/linux/signal_queue.hpp"
#include "user/linux/text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

extern "C" {
extern char libos_return_begin[];
extern char libos_return_end[];
extern char libos_resume[];
extern char libos_resume_end[];
extern char libos_upcall_return[];
extern char libos_upcall_return_begin[];
extern char libos_upcall_iret[];
extern char libos_touch_return[];
extern char libos_touch_return_begin[];
extern char libos_touch_iret[];
}

namespace quarry::libos {

constinit Signals signal_state;

namespace {

constexpr std::uint64_t ignored_by_default =
    bit_of(SIGCHLD) | bit_of(SIGCONT) | bit_of(SIGURG) | bit_of(SIGWINCH);
constexpr std::uint64_t stopping =
    bit_of(SIGSTOP) | bit_of(SIGTSTP) | bit_of(SIGTTIN) | bit_of(SIGTTOU);

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

constexpr std::uint64_t all_interrupts = ~std::uint64_t{0};

// Takes interrupts again. Those that came meanwhile come now.
void open_mask() {
    __atomic_store_n(&control().mask, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&control().pending, __ATOMIC_SEQ_CST) != 0) {
        (void)env_interrupt(own_env, 0);
    }
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

bool is_libos(std::uint64_t rip) { return rip >= image_base && rip < image_end; }

bool is_between(std::uint64_t rip, char const* begin, char const* end) {
    return rip >= reinterpret_cast<std::uint64_t>(begin) &&
           rip < reinterpret_cast<std::uint64_t>(end);
}

// Another thread that would take some of these now hears of them.
void hand_on(std::uint64_t bits) {
    for (std::uint64_t slot = 0; slot < thread_table.used; ++slot) {
        if (is_live(slot) && slot != this_thread().slot && (bits & ~thread_at(slot).blocked) != 0) {
            (void)env_interrupt(abi::EnvId{thread_at(slot).environment}, protocol::doorbell);
            return;
        }
    }
}

}  // namespace

bool has_deliverable(Thread const& thread) {
    return (pending_signals(thread) & ~thread.blocked) != 0;
}

void look_for_deliverable(Thread& thread) {
    dismiss(thread, attention::wanted);
    if (has_deliverable(thread)) {
        demand(thread, attention::wanted);
    }
}

namespace {

// Whether there is one for this thread; others hear of theirs.
bool sort_signals(Thread const& thread) {
    collect_signals();
    drop_signals(ignored_set());
    if (has_deliverable(thread)) {
        return true;
    }
    if (auto const waiting = pending_signals(thread); waiting != 0) {
        hand_on(waiting);
    }
    return false;
}

}  // namespace

void take_held() {
    auto& thread = this_thread();
    while ((thread.attention & attention::held) != 0) {
        dismiss(thread, attention::held);
        (void)interrupt_wait(protocol::doorbell, 1);  // what was posted
        if (sort_signals(thread)) {
            demand(thread, attention::wanted | attention::held);
            (void)env_interrupt(own_env, protocol::doorbell);
            return;
        }
        open_mask();
    }
}

void shut_out_interrupts() { __atomic_store_n(&control().mask, all_interrupts, __ATOMIC_SEQ_CST); }

bool is_to_end() {
    auto const& thread = this_thread();
    take_held();
    auto deliverable = is_wanted(thread) ? pending_signals(thread) & ~thread.blocked : 0;
    deliverable &= ~stopping;
    for (; deliverable != 0; deliverable &= deliverable - 1) {
        auto const signal = static_cast<unsigned>(std::countr_zero(deliverable)) + 1;
        if (signal_state.actions[signal - 1].handler == default_handler && !is_ignored(signal)) {
            return true;
        }
    }
    return false;
}

void take_interrupt(Registers& registers) {
    auto& thread = this_thread();
    auto const returning = thread.upcall_frame;
    // The mask stays closed until nothing is left of this upcall on its stack, which would not hold one
    // in the other for as long as somebody sends signals: whoever returns to the program opens it.
    demand(thread, sort_signals(thread) ? attention::wanted : attention::held);
    auto& frame = registers.frame;
    if (frame.rip == reinterpret_cast<std::uint64_t>(libos_upcall_iret) ||
        frame.rip == reinterpret_cast<std::uint64_t>(libos_touch_iret)) {
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
        go_back(libos_upcall_return, returning);
    } else if (is_between(frame.rip, libos_touch_return_begin, libos_touch_iret)) {
        go_back(libos_touch_return, returning);
    }
    // One stays posted, so that the call being served does not block.
    (void)env_interrupt(own_env, protocol::doorbell);
}

void deliver(Registers& registers, bool in_call) {
    auto& thread = this_thread();
    dismiss(thread, ~std::uint64_t{0});
    // What was posted again to end a wait.
    (void)interrupt_wait(protocol::doorbell, 1);
    collect_signals();
    open_mask();
    bool handled = false;
    for (;;) {
        auto const note = take_signal(~thread.blocked);
        if (note.number == 0) {
            break;
        }
        auto const signal = static_cast<unsigned>(note.number);
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
        if (!push_handler(registers, note, nullptr)) {
            end_process(SIGSEGV);
        }
    }
    if (auto const others = pending_signals(thread); others != 0) {
        hand_on(others);
    }
    if (!handled) {
        if (in_call) {
            settle_call(registers, nullptr);
        }
        if (thread.has_saved_blocked) {
            thread.has_saved_blocked = false;
            thread.blocked = thread.saved_blocked;
            look_for_deliverable(thread);
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
    protocol::SignalNote const note{.number = cause.signal,
                                    .code = cause.code,
                                    .sender = 0,
                                    .user = 0,
                                    .value = 0,
                                    .thread = 0};
    if (blocked || handler == default_handler || handler == ignore_handler ||
        !push_handler(registers, note, &cause)) {
        report_fault(registers, cause);
        end_process(cause.signal);
    }
}

bool post_to_thread(std::uint64_t slot, protocol::SignalNote const& note) {
    auto& thread = thread_at(slot);
    if (!enqueue_signal(note)) {
        return false;
    }
    if (&thread == &this_thread()) {
        reconsider();
    } else {
        (void)env_interrupt(abi::EnvId{thread.environment}, protocol::doorbell);
    }
    return true;
}

void reconsider() {
    drop_signals(ignored_set());
    if (has_deliverable(this_thread())) {
        demand(this_thread(), attention::wanted);
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
