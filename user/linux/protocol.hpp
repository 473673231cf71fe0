// What library OS and server say to each other. A request is an ipc_call whose first word is a Linux
// system-call number or an operation of its own; more arguments and all data lie in the caller's
// channel, pages that the server made and shows to one thread. The server copies what it reads there
// before it looks at it. The answer's first word is Linux's: a value, or an error's negation.
#pragma once

#include "abi/layout.hpp"
#include "abi/types.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace quarry::protocol {

enum class Operation : std::uint64_t {
    first = 0x1000,      // below: system calls
    thread_new = first,  // environment, area slot → thread id; its channel is mapped
    thread_exit,         // the caller's thread ends; its channel goes
    fork_begin,          // → id; child's space and environment in the next two words
    fork_commit,         // id, what to do (ForkCommit); a ThreadStart in the channel
    vfork_wait,          // id: until that child has a program of its own, or has ended
    exec_done,           // bytes of path and of path and arguments in the channel, the file's
                         // descriptor: those that close on exec do
    map_open,            // descriptor, writable → handle, which lasts as long as the process
    map_anonymous,       // bytes → handle of shared memory
    map_pages,           // handle, first page, count, address, permissions → pages mapped there
    exit_group,          // wait status; does not return
    open_executable,     // path in the channel → descriptor; → its size in the next word
    own_text,            // bytes in the channel → descriptor of a file that holds them
    stop_self,           // the process stops, until it is continued
    limit_descriptors,   // how many the process may have
    missing_call,        // number → how often a call that is not there had been made before
};

// A bit of handles: their pages may be lent writable.
inline constexpr std::uint64_t writable_handle = 1;

enum class ForkCommit : std::uint64_t {
    give_up,
    start,
    start_sharing,  // its parent waits, or shares its memory, until it executes a program
};

// An answer that is none of Linux's: nothing to give yet. The channel's `changes` will change when
// there may be.
inline constexpr std::int64_t would_block = -4000;

inline constexpr std::size_t channel_data_bytes = std::size_t{64} << 10;
inline constexpr std::size_t max_arguments = 6;

// Descriptors that a process may have, unless it asks for more or fewer; and at most.
inline constexpr std::uint64_t usual_descriptors = 1024;
inline constexpr std::uint64_t most_descriptors = 4096;

// A signal on its way, with what siginfo says of it: the fields of sigaction(2) at their places there.
struct SignalNote {
    std::int32_t number;
    std::int32_t code;
    std::uint32_t sender;  // si_pid, or a timer's number
    std::uint32_t user;    // si_uid, or a timer's overruns
    std::uint64_t value;   // si_value, si_status or si_band
    std::uint64_t thread;  // whom it is for; 0: the process
};

// Signals for a process wait in its first thread's channel, and an interrupt says that there are some.
// One of each that does not queue, and as many again that do.
struct SignalRing {
    static constexpr std::uint32_t slots = 60;
    std::uint32_t written;  // the server's
    std::uint32_t taken;    // the library OS's
    std::array<SignalNote, slots> notes;
};
inline constexpr std::uint64_t doorbell = std::uint64_t{1}
                                          << 62;  // the interrupt bit for all of this

struct Channel {
    std::uint32_t changes;  // the server adds one and wakes
    std::uint32_t reserved;
    std::array<std::uint64_t, max_arguments> arguments;  // what a system call's are
    std::array<std::uint64_t, 4> results;                // beside the answer
    SignalRing signals;
};
inline constexpr std::size_t channel_pages = 1 + channel_data_bytes / abi::page_bytes;

inline constexpr std::uint64_t no_data = ~std::uint64_t{0};  // in place of data that is not given

// What a library OS finds when it starts: in the channel of its first thread.
struct Start {
    std::uint64_t server;  // environment to call
    std::uint64_t process;
    std::uint64_t parent;
    std::uint64_t options;        // option_trace
    std::uint64_t realtime_base;  // nanoseconds from 1970 to the machine's start
    std::uint64_t processors;
    std::uint64_t argument_bytes;     // of strings in the channel's data, each ended by NUL:
    std::uint64_t environment_bytes;  // path, arguments; then the environment's
};
inline constexpr std::uint64_t option_trace = 1;
inline constexpr std::size_t start_at = 2048;  // in the channel's first page
static_assert(sizeof(Channel) <= start_at);

// Where a thread's environment starts, as the library OS tells the server for a forked child.
struct ThreadStart {
    std::uint64_t slot;  // of its area
    abi::Frame frame;
};

}  // namespace quarry::protocol
