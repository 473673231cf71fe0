// Signals: the server leaves them in the channel, sibling threads in the queue, and both interrupt. They
// wait until they are unblocked, and become calls of the program's handlers.
#pragma once

#include "user/linux/thread.hpp"
#include "user/linux/uapi.hpp"

#include <array>
#include <cstdint>

namespace quarry::libos {

inline constexpr unsigned signals = 64;

// What a call returns that a signal ended and that begins again after a handler with SA_RESTART, or
// if there is none. Never seen by programs. Linux's ERESTARTSYS.
inline constexpr std::int64_t restart_after_signal = -512;
// The same for one that never begins again after a handler: ERESTARTNOHAND.
inline constexpr std::int64_t restart_without_handler = -514;

struct Action {  // Linux's struct kernel_sigaction
    std::uint64_t handler;
    std::uint64_t flags;
    std::uint64_t restorer;
    std::uint64_t mask;
};

struct Signals {
    std::array<Action, signals> actions{};
};
extern constinit Signals signal_state;

constexpr std::uint64_t bit_of(unsigned signal) { return std::uint64_t{1} << (signal - 1); }
inline constexpr std::uint64_t unblockable = bit_of(SIGKILL) | bit_of(SIGSTOP);

// What an action is besides an address, and its flags.
inline constexpr std::uint64_t default_handler = 0;
inline constexpr std::uint64_t ignore_handler = 1;
inline constexpr std::uint64_t flag_on_stack = 0x0800'0000;
inline constexpr std::uint64_t flag_restart = 0x1000'0000;
inline constexpr std::uint64_t flag_no_defer = 0x4000'0000;
inline constexpr std::uint64_t flag_reset = 0x8000'0000;

// What siginfo says of a signal that a fault raised.
struct FaultCause {
    int signal;
    int code;
    std::uint64_t address;
    std::uint64_t trap;
    std::uint64_t error;
};

// A fault of the thread's own, in the program at `registers`, becomes a signal there at once. A
// blocked or ignored one ends the process.
void raise_fault(Registers& registers, FaultCause const& cause);

// Whether a signal that is pending would be taken now.
bool has_deliverable(Thread const& thread);
// Sets `wanted` if so, and clears it if not.
void look_for_deliverable(Thread& thread);

// Lets in interrupts that came while a call ran, which is about to wait or to go on for long.
void take_held();
// Lets in none any more: the thread ends.
void shut_out_interrupts();

// Whether the process ends as soon as the call that is being served is over.
bool is_to_end();

// Handlers for what is pending begin at `registers`, which are the program's; `result` is the call's
// that was being served, if any. Leaves the attention flag right.
void deliver(Registers& registers, bool in_call);

// An interrupt came while `registers` ran.
void take_interrupt(Registers& registers);

// A signal for one thread, from this process. False: no more of this one can wait.
bool post_to_thread(std::uint64_t slot, protocol::SignalNote const& note);

// Looks again at what is pending, after masks or actions have changed.
void reconsider();

// After exec: handlers are gone, what was ignored stays so.
void reset_handlers();

[[noreturn]] void end_process(int signal);  // as killed by it
[[noreturn]] void end_process_now();        // without the server

}  // namespace quarry::libos
