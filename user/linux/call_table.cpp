// Every call, in the order of their numbers.
#include "user/linux/calls.hpp"
#include "user/linux/server.hpp"
#include "user/linux/text.hpp"
#include "user/linux/trace.hpp"
#include "user/linux/uapi.hpp"

namespace quarry::libos {
namespace {

constexpr Argument number{ArgumentKind::number};
constexpr Argument hexadecimal{ArgumentKind::hexadecimal};
constexpr Argument descriptor{ArgumentKind::descriptor};
constexpr Argument address{ArgumentKind::address};
constexpr Argument path{ArgumentKind::path};
constexpr Argument out_sized{ArgumentKind::out_sized};
constexpr Argument in(std::uint16_t bytes) { return {ArgumentKind::in, bytes}; }
constexpr Argument out(std::uint16_t bytes) { return {ArgumentKind::out, bytes}; }

constexpr CallDeclaration declarations[] = {
    {__NR_read, "read", calls::read, {descriptor, address, number}},
    {__NR_write, "write", calls::write, {descriptor, address, number}},
    {__NR_open, "open", calls::open, {path, hexadecimal, hexadecimal}},
    {__NR_close, "close", forward, {descriptor}},
    {__NR_stat, "stat", forward, {path, out(144)}},
    {__NR_fstat, "fstat", forward, {descriptor, out(144)}},
    {__NR_lstat, "lstat", forward, {path, out(144)}},
    {__NR_poll, "poll", calls::poll, {address, number, number}},
    {__NR_lseek, "lseek", forward, {descriptor, number, number}},
    {__NR_mmap,
     "mmap",
     calls::mmap,
     {address, number, hexadecimal, hexadecimal, descriptor, hexadecimal}},
    {__NR_mprotect, "mprotect", calls::mprotect, {address, number, hexadecimal}},
    {__NR_munmap, "munmap", calls::munmap, {address, number}},
    {__NR_brk, "brk", calls::brk, {address}},
    {__NR_rt_sigaction, "rt_sigaction", calls::rt_sigaction, {number, address, address, number}},
    {__NR_rt_sigprocmask,
     "rt_sigprocmask",
     calls::rt_sigprocmask,
     {number, address, address, number}},
    {__NR_rt_sigreturn, "rt_sigreturn", calls::rt_sigreturn, {}},
    {__NR_ioctl, "ioctl", calls::ioctl, {descriptor, hexadecimal, hexadecimal}},
    {__NR_pread64, "pread64", calls::pread64, {descriptor, address, number, number}},
    {__NR_pwrite64, "pwrite64", calls::pwrite64, {descriptor, address, number, number}},
    {__NR_readv, "readv", calls::readv, {descriptor, address, number}},
    {__NR_writev, "writev", calls::writev, {descriptor, address, number}},
    {__NR_access, "access", forward, {path, hexadecimal}},
    {__NR_pipe, "pipe", forward, {out(8)}},
    {__NR_select, "select", calls::select, {number, address, address, address, address}},
    {__NR_sched_yield, "sched_yield", calls::sched_yield, {}},
    {__NR_mremap, "mremap", calls::mremap, {address, number, number, hexadecimal, address}},
    {__NR_msync, "msync", calls::succeed, {address, number, hexadecimal}},
    {__NR_mincore, "mincore", calls::mincore, {address, number, address}},
    {__NR_madvise, "madvise", calls::madvise, {address, number, number}},
    {__NR_dup, "dup", forward, {descriptor}},
    {__NR_dup2, "dup2", forward, {descriptor, descriptor}},
    {__NR_pause, "pause", calls::pause, {}},
    {__NR_nanosleep, "nanosleep", calls::nanosleep, {address, address}},
    {__NR_getitimer, "getitimer", forward, {number, out(32)}},
    {__NR_alarm, "alarm", forward, {number}},
    {__NR_setitimer, "setitimer", forward, {number, in(32), out(32)}},
    {__NR_getpid, "getpid", calls::getpid, {}},
    {__NR_sendfile, "sendfile", calls::sendfile, {descriptor, descriptor, address, number}},
    {__NR_socket, "socket", forward, {number, number, number}},
    {__NR_connect, "connect", forward, {descriptor, address, number}},
    {__NR_accept, "accept", forward, {descriptor, address, address}},
    {__NR_sendto, "sendto", forward, {descriptor, address, number}},
    {__NR_recvfrom, "recvfrom", forward, {descriptor, address, number}},
    {__NR_sendmsg, "sendmsg", forward, {descriptor, address, number}},
    {__NR_recvmsg, "recvmsg", forward, {descriptor, address, number}},
    {__NR_shutdown, "shutdown", forward, {descriptor, number}},
    {__NR_bind, "bind", forward, {descriptor, address, number}},
    {__NR_listen, "listen", forward, {descriptor, number}},
    {__NR_getsockname, "getsockname", forward, {descriptor, address, address}},
    {__NR_getpeername, "getpeername", forward, {descriptor, address, address}},
    {__NR_socketpair, "socketpair", forward, {number, number, number, address}},
    {__NR_setsockopt, "setsockopt", forward, {descriptor, number, number}},
    {__NR_getsockopt, "getsockopt", forward, {descriptor, number, number}},
    {__NR_clone, "clone", calls::clone, {hexadecimal, address, address, address, address}},
    {__NR_fork, "fork", calls::fork, {}},
    {__NR_vfork, "vfork", calls::vfork, {}},
    {__NR_execve, "execve", calls::execve, {path, address, address}},
    {__NR_exit, "exit", calls::exit, {number}},
    {__NR_wait4, "wait4", forward, {number, out(4), hexadecimal, out(144)}},
    {__NR_kill, "kill", forward, {number, number}},
    {__NR_semget, "semget", forward, {hexadecimal, number, hexadecimal}},
    {__NR_semop, "semop", calls::semop, {number, address, number}},
    {__NR_semctl, "semctl", calls::semctl, {number, number, number, hexadecimal}},
    {__NR_uname, "uname", calls::uname, {address}},
    {__NR_fcntl, "fcntl", calls::fcntl, {descriptor, number, hexadecimal}},
    {__NR_flock, "flock", forward, {descriptor, number}},
    {__NR_fsync, "fsync", forward, {descriptor}},
    {__NR_fdatasync, "fdatasync", forward, {descriptor}},
    {__NR_truncate, "truncate", forward, {path, number}},
    {__NR_ftruncate, "ftruncate", forward, {descriptor, number}},
    {__NR_getdents, "getdents", forward, {descriptor, out_sized, number}},
    {__NR_getcwd, "getcwd", forward, {out_sized, number}},
    {__NR_chdir, "chdir", forward, {path}},
    {__NR_fchdir, "fchdir", forward, {descriptor}},
    {__NR_rename, "rename", forward, {path, path}},
    {__NR_mkdir, "mkdir", forward, {path, hexadecimal}},
    {__NR_rmdir, "rmdir", forward, {path}},
    {__NR_creat, "creat", forward, {path, hexadecimal}},
    {__NR_link, "link", forward, {path, path}},
    {__NR_unlink, "unlink", forward, {path}},
    {__NR_symlink, "symlink", forward, {path, path}},
    {__NR_readlink, "readlink", forward, {path, out_sized, number}},
    {__NR_chmod, "chmod", forward, {path, hexadecimal}},
    {__NR_fchmod, "fchmod", forward, {descriptor, hexadecimal}},
    {__NR_chown, "chown", forward, {path, number, number}},
    {__NR_fchown, "fchown", forward, {descriptor, number, number}},
    {__NR_lchown, "lchown", forward, {path, number, number}},
    {__NR_umask, "umask", forward, {hexadecimal}},
    {__NR_gettimeofday, "gettimeofday", calls::gettimeofday, {address, address}},
    {__NR_getrlimit, "getrlimit", calls::getrlimit, {number, address}},
    {__NR_getrusage, "getrusage", calls::getrusage, {number, address}},
    {__NR_sysinfo, "sysinfo", calls::sysinfo, {address}},
    {__NR_times, "times", calls::times, {address}},
    {__NR_getuid, "getuid", forward, {}},
    {__NR_getgid, "getgid", forward, {}},
    {__NR_setuid, "setuid", forward, {number}},
    {__NR_setgid, "setgid", forward, {number}},
    {__NR_geteuid, "geteuid", forward, {}},
    {__NR_getegid, "getegid", forward, {}},
    {__NR_setpgid, "setpgid", forward, {number, number}},
    {__NR_getppid, "getppid", forward, {}},
    {__NR_getpgrp, "getpgrp", forward, {}},
    {__NR_setsid, "setsid", forward, {}},
    {__NR_setreuid, "setreuid", forward, {number, number}},
    {__NR_setregid, "setregid", forward, {number, number}},
    {__NR_getgroups, "getgroups", forward, {number, address}},
    {__NR_setgroups, "setgroups", forward, {number, address}},
    {__NR_setresuid, "setresuid", forward, {number, number, number}},
    {__NR_getresuid, "getresuid", forward, {out(4), out(4), out(4)}},
    {__NR_setresgid, "setresgid", forward, {number, number, number}},
    {__NR_getresgid, "getresgid", forward, {out(4), out(4), out(4)}},
    {__NR_getpgid, "getpgid", forward, {number}},
    {__NR_getsid, "getsid", forward, {number}},
    {__NR_capget, "capget", calls::capget, {address, address}},
    {__NR_rt_sigpending, "rt_sigpending", calls::rt_sigpending, {address, number}},
    {__NR_rt_sigtimedwait,
     "rt_sigtimedwait",
     calls::rt_sigtimedwait,
     {address, address, address, number}},
    {__NR_rt_sigqueueinfo, "rt_sigqueueinfo", forward, {number, number, in(128)}},
    {__NR_rt_sigsuspend, "rt_sigsuspend", calls::rt_sigsuspend, {address, number}},
    {__NR_sigaltstack, "sigaltstack", calls::sigaltstack, {address, address}},
    {__NR_utime, "utime", forward, {path, in(16)}},
    {__NR_mknod, "mknod", forward, {path, hexadecimal, hexadecimal}},
    {__NR_personality, "personality", calls::succeed, {hexadecimal}},
    {__NR_statfs, "statfs", forward, {path, out(120)}},
    {__NR_fstatfs, "fstatfs", forward, {descriptor, out(120)}},
    {__NR_getpriority, "getpriority", calls::succeed, {number, number}},
    {__NR_setpriority, "setpriority", calls::succeed, {number, number, number}},
    {__NR_sched_setparam, "sched_setparam", calls::succeed, {number, address}},
    {__NR_sched_getparam, "sched_getparam", calls::sched_getparam, {number, address}},
    {__NR_sched_setscheduler, "sched_setscheduler", calls::succeed, {number, number, address}},
    {__NR_sched_getscheduler, "sched_getscheduler", calls::succeed, {number}},
    {__NR_sched_get_priority_max, "sched_get_priority_max", calls::succeed, {number}},
    {__NR_sched_get_priority_min, "sched_get_priority_min", calls::succeed, {number}},
    {__NR_mlock, "mlock", calls::succeed, {address, number}},
    {__NR_munlock, "munlock", calls::succeed, {address, number}},
    {__NR_mlockall, "mlockall", calls::succeed, {hexadecimal}},
    {__NR_munlockall, "munlockall", calls::succeed, {}},
    {__NR_prctl,
     "prctl",
     calls::prctl,
     {number, hexadecimal, hexadecimal, hexadecimal, hexadecimal}},
    {__NR_arch_prctl, "arch_prctl", calls::arch_prctl, {hexadecimal, address}},
    {__NR_setrlimit, "setrlimit", calls::setrlimit, {number, address}},
    {__NR_chroot, "chroot", forward, {path}},
    {__NR_sync, "sync", calls::succeed, {}},
    {__NR_settimeofday, "settimeofday", calls::forbid, {address, address}},
    {__NR_mount, "mount", calls::forbid, {path, path, path, hexadecimal, address}},
    {__NR_umount2, "umount2", calls::forbid, {path, hexadecimal}},
    {__NR_reboot, "reboot", calls::forbid, {hexadecimal, hexadecimal, hexadecimal}},
    {__NR_sethostname, "sethostname", calls::forbid, {address, number}},
    {__NR_setdomainname, "setdomainname", calls::forbid, {address, number}},
    {__NR_gettid, "gettid", calls::gettid, {}},
    {__NR_readahead, "readahead", calls::succeed, {descriptor, number, number}},
    {__NR_setxattr, "setxattr", calls::has_no_attributes, {path, path, address, number, number}},
    {__NR_lsetxattr, "lsetxattr", calls::has_no_attributes, {path, path, address, number, number}},
    {__NR_fsetxattr,
     "fsetxattr",
     calls::has_no_attributes,
     {descriptor, path, address, number, number}},
    {__NR_getxattr, "getxattr", calls::has_no_attributes, {path, path, address, number}},
    {__NR_lgetxattr, "lgetxattr", calls::has_no_attributes, {path, path, address, number}},
    {__NR_fgetxattr, "fgetxattr", calls::has_no_attributes, {descriptor, path, address, number}},
    {__NR_listxattr, "listxattr", calls::has_no_attributes, {path, address, number}},
    {__NR_llistxattr, "llistxattr", calls::has_no_attributes, {path, address, number}},
    {__NR_flistxattr, "flistxattr", calls::has_no_attributes, {descriptor, address, number}},
    {__NR_removexattr, "removexattr", calls::has_no_attributes, {path, path}},
    {__NR_lremovexattr, "lremovexattr", calls::has_no_attributes, {path, path}},
    {__NR_fremovexattr, "fremovexattr", calls::has_no_attributes, {descriptor, path}},
    {__NR_tkill, "tkill", calls::tkill, {number, number}},
    {__NR_time, "time", calls::time, {address}},
    {__NR_futex,
     "futex",
     calls::futex,
     {address, hexadecimal, number, hexadecimal, address, hexadecimal}},
    {__NR_sched_setaffinity, "sched_setaffinity", calls::succeed, {number, number, address}},
    {__NR_sched_getaffinity,
     "sched_getaffinity",
     calls::sched_getaffinity,
     {number, number, address}},
    {__NR_epoll_create, "epoll_create", forward, {number}},
    {__NR_getdents64, "getdents64", forward, {descriptor, out_sized, number}},
    {__NR_set_tid_address, "set_tid_address", calls::set_tid_address, {address}},
    {__NR_semtimedop, "semtimedop", calls::semtimedop, {number, address, number, address}},
    {__NR_fadvise64, "fadvise64", forward, {descriptor, number, number, number}},
    {__NR_timer_create, "timer_create", forward, {number, in(64), out(4)}},
    {__NR_timer_settime, "timer_settime", forward, {number, hexadecimal, in(32), out(32)}},
    {__NR_timer_gettime, "timer_gettime", forward, {number, out(32)}},
    {__NR_timer_getoverrun, "timer_getoverrun", forward, {number}},
    {__NR_timer_delete, "timer_delete", forward, {number}},
    {__NR_clock_settime, "clock_settime", calls::forbid, {number, address}},
    {__NR_clock_gettime, "clock_gettime", calls::clock_gettime, {number, address}},
    {__NR_clock_getres, "clock_getres", calls::clock_getres, {number, address}},
    {__NR_clock_nanosleep,
     "clock_nanosleep",
     calls::clock_nanosleep,
     {number, hexadecimal, address, address}},
    {__NR_exit_group, "exit_group", calls::exit_group, {number}},
    {__NR_epoll_wait, "epoll_wait", calls::epoll_wait, {descriptor, address, number, number}},
    {__NR_epoll_ctl, "epoll_ctl", forward, {descriptor, number, descriptor, in(12)}},
    {__NR_tgkill, "tgkill", calls::tgkill, {number, number, number}},
    {__NR_utimes, "utimes", forward, {path, in(32)}},
    {__NR_waitid, "waitid", forward, {number, number, out(128), hexadecimal, out(144)}},
    {__NR_inotify_init, "inotify_init", calls::refuse_quietly, {}},
    {__NR_openat, "openat", calls::openat, {descriptor, path, hexadecimal, hexadecimal}},
    {__NR_mkdirat, "mkdirat", forward, {descriptor, path, hexadecimal}},
    {__NR_mknodat, "mknodat", forward, {descriptor, path, hexadecimal, hexadecimal}},
    {__NR_fchownat, "fchownat", forward, {descriptor, path, number, number, hexadecimal}},
    {__NR_futimesat, "futimesat", forward, {descriptor, path, in(32)}},
    {__NR_newfstatat, "newfstatat", forward, {descriptor, path, out(144), hexadecimal}},
    {__NR_unlinkat, "unlinkat", forward, {descriptor, path, hexadecimal}},
    {__NR_renameat, "renameat", forward, {descriptor, path, descriptor, path}},
    {__NR_linkat, "linkat", forward, {descriptor, path, descriptor, path, hexadecimal}},
    {__NR_symlinkat, "symlinkat", forward, {path, descriptor, path}},
    {__NR_readlinkat, "readlinkat", forward, {descriptor, path, out_sized, number}},
    {__NR_fchmodat, "fchmodat", forward, {descriptor, path, hexadecimal}},
    {__NR_faccessat, "faccessat", forward, {descriptor, path, hexadecimal}},
    {__NR_pselect6,
     "pselect6",
     calls::pselect6,
     {number, address, address, address, address, address}},
    {__NR_ppoll, "ppoll", calls::ppoll, {address, number, address, address, number}},
    {__NR_set_robust_list, "set_robust_list", calls::set_robust_list, {address, number}},
    {__NR_get_robust_list, "get_robust_list", calls::get_robust_list, {number, address, address}},
    {__NR_sync_file_range,
     "sync_file_range",
     calls::succeed,
     {descriptor, number, number, hexadecimal}},
    {__NR_utimensat, "utimensat", forward, {descriptor, path, in(32), hexadecimal}},
    {__NR_epoll_pwait,
     "epoll_pwait",
     calls::epoll_pwait,
     {descriptor, address, number, number, address, number}},
    {__NR_timerfd_create, "timerfd_create", forward, {number, hexadecimal}},
    {__NR_eventfd, "eventfd", forward, {number}},
    {__NR_fallocate, "fallocate", forward, {descriptor, hexadecimal, number, number}},
    {__NR_timerfd_settime, "timerfd_settime", forward, {descriptor, hexadecimal, in(32), out(32)}},
    {__NR_timerfd_gettime, "timerfd_gettime", forward, {descriptor, out(32)}},
    {__NR_signalfd4,
     "signalfd4",
     calls::refuse_quietly,
     {descriptor, address, number, hexadecimal}},
    {__NR_eventfd2, "eventfd2", forward, {number, hexadecimal}},
    {__NR_epoll_create1, "epoll_create1", forward, {hexadecimal}},
    {__NR_dup3, "dup3", forward, {descriptor, descriptor, hexadecimal}},
    {__NR_pipe2, "pipe2", forward, {out(8), hexadecimal}},
    {__NR_inotify_init1, "inotify_init1", calls::refuse_quietly, {hexadecimal}},
    {__NR_preadv, "preadv", calls::preadv, {descriptor, address, number, number}},
    {__NR_pwritev, "pwritev", calls::pwritev, {descriptor, address, number, number}},
    {__NR_rt_tgsigqueueinfo,
     "rt_tgsigqueueinfo",
     calls::rt_tgsigqueueinfo,
     {number, number, number, address}},
    {__NR_prlimit64, "prlimit64", calls::prlimit64, {number, number, address, address}},
    {__NR_syncfs, "syncfs", calls::succeed, {descriptor}},
    {__NR_getcpu, "getcpu", calls::getcpu, {address, address, address}},
    {__NR_renameat2, "renameat2", forward, {descriptor, path, descriptor, path, hexadecimal}},
    {__NR_getrandom, "getrandom", calls::getrandom, {address, number, hexadecimal}},
    {__NR_memfd_create, "memfd_create", forward, {path, hexadecimal}},
    {__NR_membarrier, "membarrier", calls::membarrier, {number, hexadecimal, number}},
    {__NR_mlock2, "mlock2", calls::succeed, {address, number, hexadecimal}},
    {__NR_copy_file_range,
     "copy_file_range",
     calls::copy_file_range,
     {descriptor, address, descriptor, address, number, hexadecimal}},
    {__NR_preadv2,
     "preadv2",
     calls::preadv2,
     {descriptor, address, number, number, number, hexadecimal}},
    {__NR_pwritev2,
     "pwritev2",
     calls::pwritev2,
     {descriptor, address, number, number, number, hexadecimal}},
    {__NR_statx, "statx", forward, {descriptor, path, hexadecimal, hexadecimal, out(256)}},
    {__NR_rseq, "rseq", calls::refuse_quietly, {address, number, hexadecimal, hexadecimal}},
    {__NR_io_uring_setup, "io_uring_setup", calls::refuse_quietly, {number, address}},
    {__NR_pidfd_open, "pidfd_open", calls::refuse_quietly, {number, hexadecimal}},
    {__NR_clone3, "clone3", calls::clone3, {address, number}},
    {__NR_close_range, "close_range", forward, {number, number, hexadecimal}},
    {__NR_openat2, "openat2", calls::refuse_quietly, {descriptor, path, address, number}},
    {__NR_faccessat2, "faccessat2", forward, {descriptor, path, hexadecimal, hexadecimal}},
};

constexpr auto index_by_number = [] {
    std::array<std::uint16_t, call_slots> table{};
    std::uint16_t at = 0;
    for (auto const& declaration : declarations) {
        table[declaration.number] = ++at;
    }
    return table;
}();

}  // namespace

CallDeclaration const* declaration_of(std::uint64_t asked) {
    if (asked >= call_slots || index_by_number[asked] == 0) {
        return nullptr;
    }
    return &declarations[index_by_number[asked] - 1];
}

}  // namespace quarry::libos

using quarry::libos::call_slots;
using quarry::libos::Handler;
using quarry::libos::Registers;

// A number that nobody serves: counted by the server, said the first time, and refused.
extern "C" std::int64_t libos_unknown_call(Registers* registers) {
    using namespace quarry;
    auto const asked = registers->rax;
    if (libos::ask(protocol::Operation::missing_call, asked) == 0) {
        libos::report_missing_call(asked, *registers);
    }
    return -ENOSYS;
}

namespace {
std::int64_t unknown(Registers& registers) { return libos_unknown_call(&registers); }
}  // namespace

// What entry.S calls through, by number. Not constant: trace_calls puts itself in between.
extern "C" {
constinit std::array<Handler, call_slots> libos_calls = [] {
    std::array<Handler, call_slots> table{};
    table.fill(unknown);
    for (auto const& declaration : quarry::libos::declarations) {
        table[declaration.number] = declaration.handler;
    }
    return table;
}();
}
