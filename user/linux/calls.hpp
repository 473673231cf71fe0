// Linux's system calls, each declared once (call_table.cpp): from that follow the table that entry.S
// calls through, what is copied for a call that the server answers, and the trace.
#pragma once

#include "user/linux/thread.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace quarry::libos {

enum class ArgumentKind : std::uint8_t {
    none,
    number,
    hexadecimal,
    descriptor,
    address,
    path,       // a string in the program's memory
    in,         // that many bytes that the call reads
    out,        // and that it writes
    in_sized,   // as many as the next argument says
    out_sized,  // at most as many as the next argument says; the result says how many
};

struct Argument {
    ArgumentKind kind = ArgumentKind::none;
    std::uint16_t bytes = 0;
};

using Handler = std::int64_t (*)(Registers&);

struct CallDeclaration {
    std::uint16_t number;
    std::string_view name;
    Handler handler;
    std::array<Argument, 6> arguments;
};

inline constexpr std::uint64_t call_slots = 462;

// Null for a number that nobody declared.
CallDeclaration const* declaration_of(std::uint64_t number);

// Arguments as Linux numbers them.
inline std::array<std::uint64_t, 6> arguments_of(Registers const& r) {
    return {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};
}

// The server answers: what the arguments point to travels through the channel.
std::int64_t forward(Registers& registers);
// The same with another number and other arguments than the program's.
std::int64_t forward_as(std::uint64_t number, std::array<std::uint64_t, 6> arguments,
                        std::uint64_t deadline = 0);

// From now on every call prints itself with its result.
void trace_calls();

// Handlers, by room.
#define QUARRY_CALLS(...)     \
    namespace calls {         \
    std::int64_t __VA_ARGS__; \
    }
// memory_calls.cpp
QUARRY_CALLS(mmap(Registers&), munmap(Registers&), mprotect(Registers&), mremap(Registers&),
             brk(Registers&))
// advice_calls.cpp
QUARRY_CALLS(madvise(Registers&), msync(Registers&), mlock(Registers&), mlock2(Registers&),
             munlock(Registers&), mlockall(Registers&), mincore(Registers&))
// scheduling_calls.cpp
QUARRY_CALLS(sched_yield(Registers&), getpriority(Registers&), setpriority(Registers&),
             sched_getparam(Registers&), sched_setparam(Registers&), sched_getscheduler(Registers&),
             sched_setscheduler(Registers&), sched_get_priority_max(Registers&),
             sched_get_priority_min(Registers&), sched_getaffinity(Registers&),
             sched_setaffinity(Registers&))
// thread_calls.cpp
QUARRY_CALLS(clone(Registers&), clone3(Registers&), exit(Registers&), futex(Registers&),
             set_tid_address(Registers&), set_robust_list(Registers&), get_robust_list(Registers&),
             gettid(Registers&), getpid(Registers&), arch_prctl(Registers&), prctl(Registers&),
             getcpu(Registers&), membarrier(Registers&), refuse_quietly(Registers&))
// signal_calls.cpp
QUARRY_CALLS(rt_sigaction(Registers&), rt_sigprocmask(Registers&), rt_sigpending(Registers&),
             rt_sigsuspend(Registers&), rt_sigtimedwait(Registers&), rt_sigreturn(Registers&),
             sigaltstack(Registers&), tgkill(Registers&), tkill(Registers&), pause(Registers&),
             rt_tgsigqueueinfo(Registers&))
// time_calls.cpp
QUARRY_CALLS(clock_gettime(Registers&), clock_getres(Registers&), gettimeofday(Registers&),
             time(Registers&), nanosleep(Registers&), clock_nanosleep(Registers&),
             times(Registers&), getrusage(Registers&))
// process_calls.cpp
QUARRY_CALLS(fork(Registers&), vfork(Registers&), execve(Registers&), exit_group(Registers&))
// transfer_calls.cpp
QUARRY_CALLS(read(Registers&), write(Registers&), pread64(Registers&), pwrite64(Registers&),
             readv(Registers&), writev(Registers&), preadv(Registers&), pwritev(Registers&),
             open(Registers&), readlink(Registers&), readlinkat(Registers&), openat(Registers&),
             preadv2(Registers&), pwritev2(Registers&))
// poll_calls.cpp
QUARRY_CALLS(poll(Registers&), ppoll(Registers&), select(Registers&), pselect6(Registers&),
             epoll_wait(Registers&), epoll_pwait(Registers&), ioctl(Registers&), fcntl(Registers&))
// copy_calls.cpp
QUARRY_CALLS(sendfile(Registers&), copy_file_range(Registers&))
// system_calls.cpp
QUARRY_CALLS(uname(Registers&), sysinfo(Registers&), getrandom(Registers&), capget(Registers&),
             forbid(Registers&), succeed(Registers&), getgroups(Registers&), setgroups(Registers&))
// limits.cpp
QUARRY_CALLS(prlimit64(Registers&), getrlimit(Registers&), setrlimit(Registers&))
// semaphore_calls.cpp
QUARRY_CALLS(semop(Registers&), semtimedop(Registers&), semctl(Registers&))
// socket_calls.cpp
QUARRY_CALLS(sendto(Registers&), sendmsg(Registers&), recvfrom(Registers&), recvmsg(Registers&),
             accept(Registers&), accept4(Registers&), getsockname(Registers&),
             getpeername(Registers&), setsockopt(Registers&), getsockopt(Registers&))
#undef QUARRY_CALLS

}  // namespace quarry::libos
