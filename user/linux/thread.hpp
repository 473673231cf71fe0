// One thread of the program, as its library OS knows it. The block lies in the thread's area, above
// the stack that its calls are served on, and GS points to it.
#pragma once

#include "user/linux/layout.hpp"
#include "user/linux/protocol.hpp"
#include "user/rt/fault.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quarry::libos {

// What a call leaves of the program's registers, laid out as an upcall's frame is, so that signals
// and forks treat both alike.
using Registers = UpcallRegisters;

struct AlternateStack {
    std::uint64_t base = 0;
    std::uint64_t bytes = 0;
    bool disabled = true;
};

enum class ThreadKind : std::uint64_t { first, forked, vforked, created };

struct Thread {
    Registers call;           // of the call being served: below it grows the stack
    Thread* self;             // entry.S knows these by their place
    std::uint64_t attention;  // of attention::*; none: the program may go on
    std::uint64_t id;
    std::uint64_t upcall_frame;  // of the upcall that returns to the program
    std::uint64_t call_number;   // as the program gave it, for a restart
    std::uint64_t process;
    std::uint64_t environment;
    std::uint64_t slot;
    std::uint64_t blocked;        // signals, bit by number less one
    std::uint64_t pending;        // of this thread alone
    std::uint64_t saved_blocked;  // what sigsuspend and ppoll put back after a handler
    bool has_saved_blocked;
    AlternateStack alternate_stack;
    ThreadKind kind;
    std::uint64_t set_on_start;   // address of a word that gets the thread's id
    std::uint64_t clear_on_exit;  // address of the word that an exit clears and wakes
    std::uint64_t robust_list;
    std::array<char, 16> name;
};
static_assert(offsetof(Thread, self) == 184 && offsetof(Thread, attention) == 192);
static_assert(offsetof(Thread, upcall_frame) == 208);
static_assert(offsetof(Thread, call_number) == 216 && offsetof(Thread, process) == 224);
static_assert(sizeof(Thread) <= page_bytes);

namespace attention {
inline constexpr std::uint64_t wanted = 1;  // a signal is to be taken: what waits does so no longer
inline constexpr std::uint64_t held = 2;    // interrupts are masked, and to be let in again
}  // namespace attention
// By one instruction each: interrupts set bits at any time.
inline void demand(Thread& thread, std::uint64_t bits) {
    __atomic_fetch_or(&thread.attention, bits, __ATOMIC_RELAXED);
}
inline void dismiss(Thread& thread, std::uint64_t bits) {
    __atomic_fetch_and(&thread.attention, ~bits, __ATOMIC_RELAXED);
}
inline bool is_wanted(Thread const& thread) {
    return (__atomic_load_n(&thread.attention, __ATOMIC_RELAXED) & attention::wanted) != 0;
}

constexpr std::uint64_t area_of(std::uint64_t slot) { return threads_base + slot * thread_stride; }

inline Thread& this_thread() {
    Thread* self = nullptr;
    asm("mov %%gs:184, %0" : "=r"(self));
    return *self;
}

inline protocol::Channel& channel_of(Thread const& thread) {
    return *reinterpret_cast<protocol::Channel*>(area_of(thread.slot) + channel_at);
}
inline std::byte* data_of(Thread const& thread) {
    return reinterpret_cast<std::byte*>(area_of(thread.slot) + channel_at + page_bytes);
}
// So many bytes that the server put there.
inline std::string_view text_of(Thread const& thread, std::int64_t bytes) {
    return {reinterpret_cast<char const*>(data_of(thread)), static_cast<std::size_t>(bytes)};
}

// The threads of this process, by slot: an environment; with a mark when it has ended, or is not there
// yet. 0: nobody's, and no area either.
inline constexpr std::uint64_t ended_mark = std::uint64_t{1} << 63;
inline constexpr std::uint64_t reserved_mark = std::uint64_t{1} << 62;

struct ThreadTable {
    std::array<std::uint64_t, max_threads> environments;
    std::uint64_t used;  // slots up to the highest one ever taken
};

extern constinit ThreadTable thread_table;

// Whether a thread runs in that area.
bool is_live(std::uint64_t slot);
Thread& thread_at(std::uint64_t slot);

// Pages for the stacks and the block of the thread in `slot`; its block begun.
Result<void> make_area(std::uint64_t slot);

// Where the environment of such a thread takes its upcalls.
abi::Upcall upcall_of(std::uint64_t slot);

}  // namespace quarry::libos
