// Every call on processes, signals, clocks and limits, with what it must refuse.
#define _GNU_SOURCE
#include "../says.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/time.h>
#include <time.h>

static char buffer[8192];
static void* const nowhere = (void*)8;
enum { NOBODY = 1 << 21 };

static void processes(void) {
    SAYS(wait4, -1l, NULL, 0l, NULL);
    SAYS(wait4, NOBODY, NULL, 0l, NULL);
    SAYS(wait4, -1l, NULL, 0x777777l, NULL);
    SAYS(waitid, P_ALL, 0l, buffer, WEXITED, NULL);
    SAYS(waitid, P_ALL, 0l, buffer, 0l, NULL);
    SAYS(waitid, P_PID, -1l, buffer, WEXITED, NULL);
    SAYS(waitid, 77l, 0l, buffer, WEXITED, NULL);
    SAYS(execve, "/gone", NULL, NULL);
    SAYS(execve, "/", NULL, NULL);
    SAYS(execve, "", NULL, NULL);
    SAYS(execve, "/proc/self/exe/x", NULL, NULL);
    SAYS(execve, "/proc/self/exe", nowhere, NULL);
    SAYS(execve, "/proc/self/exe", NULL, nowhere);
    SAYS(execve, "/tmp/empty_program", NULL, NULL);
    SAYS(execve, "/tmp/not_a_program", NULL, NULL);
    SAYS(execve, "/tmp/no_interpreter", NULL, NULL);
    SAYS(execve, "/tmp/not_executable", NULL, NULL);
    SAYS(clone, CLONE_THREAD, 0l, 0l, 0l, 0l);
    SAYS(clone, CLONE_SIGHAND, 0l, 0l, 0l, 0l);
    SAYS(clone, CLONE_FS | CLONE_NEWNS, 0l, 0l, 0l, 0l);
    SAYS(clone3, nowhere, 88l);
    SAYS(clone3, buffer, 8l);
    SAYS(clone3, buffer, 1l << 20);
    SAYS(setpgid, NOBODY, 0l);
    SAYS(setpgid, 0l, -1l);
    SAYS(setpgid, 0l, NOBODY);
    SAYS(getpgid, NOBODY);
    SAYS(getpgid, -1l);
    SAYS(getsid, NOBODY);
    SAYS(setuid, -1l);
    SAYS(setgid, -1l);
    SAYS(getgroups, -1l, buffer);
    SAYS(setgroups, -1l, buffer);
    SAYS(setgroups, 1l, nowhere);
    SAYS(setgroups, 1l << 20, buffer);
    SAYS(getresuid, nowhere, buffer, buffer);
    SAYS(getresgid, nowhere, buffer, buffer);
    SAYS(getpriority, 77l, 0l);
    SAYS(getpriority, PRIO_PROCESS, NOBODY);
    SAYS(setpriority, 77l, 0l, 0l);
    SAYS(setpriority, PRIO_PROCESS, NOBODY, 0l);
    SAYS(sched_getparam, NOBODY, buffer);
    SAYS(sched_getparam, -1l, buffer);
    SAYS(sched_getparam, 0l, NULL);
    SAYS(sched_setparam, -1l, buffer);
    SAYS(sched_setparam, NOBODY, buffer);
    SAYS(sched_setparam, 0l, NULL);
    SAYS(sched_getscheduler, -1l);
    SAYS(sched_getscheduler, NOBODY);
    SAYS(sched_setscheduler, -1l, 0l, buffer);
    SAYS(sched_setscheduler, NOBODY, 0l, buffer);
    SAYS(sched_setscheduler, 0l, 77l, buffer);
    SAYS(sched_get_priority_max, 77l);
    SAYS(sched_get_priority_min, 77l);
    SAYS(sched_get_priority_max, SCHED_FIFO);
    SAYS(sched_get_priority_min, SCHED_FIFO);
    SAYS(sched_getaffinity, NOBODY, 128l, buffer);
    SAYS(sched_getaffinity, 0l, 1l, buffer);
    SAYS(sched_getaffinity, 0l, 128l, nowhere);
    SAYS(sched_setaffinity, NOBODY, 128l, buffer);
    SAYS(sched_setaffinity, 0l, 128l, nowhere);
    SAYS(sched_setaffinity, 0l, 128l, buffer);
    SAYS(getcpu, nowhere, NULL, NULL);
    SAYS(prctl, 0x777777l, 0l, 0l, 0l, 0l);
    SAYS(prctl, 15l, nowhere, 0l, 0l, 0l);
    SAYS(prctl, 16l, nowhere, 0l, 0l, 0l);
    SAYS(capget, nowhere, NULL);
}

static void signals(void) {
    SAYS(kill, NOBODY, 0l);
    SAYS(kill, NOBODY, SIGTERM);
    SAYS(kill, 0l, 77l);
    SAYS(kill, 0l, -1l);
    SAYS(kill, -NOBODY, SIGTERM);
    SAYS(tkill, NOBODY, SIGTERM);
    SAYS(tkill, -1l, SIGTERM);
    SAYS(tkill, 0l, SIGTERM);
    SAYS(tgkill, NOBODY, NOBODY, SIGTERM);
    SAYS(tgkill, 0l, 0l, SIGTERM);
    SAYS(tgkill, getpid(), getpid(), 77l);
    SAYS(rt_sigaction, 0l, NULL, NULL, 8l);
    SAYS(rt_sigaction, 65l, NULL, NULL, 8l);
    SAYS(rt_sigaction, SIGUSR1, NULL, NULL, 4l);
    SAYS(rt_sigaction, SIGKILL, buffer, NULL, 8l);
    SAYS(rt_sigaction, SIGSTOP, buffer, NULL, 8l);
    SAYS(rt_sigprocmask, 77l, buffer, NULL, 8l);
    SAYS(rt_sigprocmask, 0l, NULL, NULL, 4l);
    SAYS(rt_sigpending, buffer, 1024l);
    SAYS(rt_sigpending, nowhere, 8l);
    SAYS(rt_sigsuspend, buffer, 4l);
    SAYS(rt_sigsuspend, nowhere, 8l);
    struct timespec none = {0, 0}, bad = {0, 2000000000};
    SAYS(rt_sigtimedwait, buffer, NULL, &none, 8l);
    SAYS(rt_sigtimedwait, buffer, NULL, &none, 4l);
    SAYS(rt_sigtimedwait, buffer, NULL, &bad, 8l);
    SAYS(rt_sigtimedwait, nowhere, NULL, &none, 8l);
    SAYS(rt_sigtimedwait, buffer, NULL, nowhere, 8l);
    siginfo_t info = {.si_code = SI_QUEUE};
    SAYS(rt_sigqueueinfo, NOBODY, SIGTERM, &info);
    SAYS(rt_sigqueueinfo, getpid(), 77l, &info);
    SAYS(rt_sigqueueinfo, getpid(), SIGTERM, nowhere);
    SAYS(rt_tgsigqueueinfo, NOBODY, NOBODY, SIGTERM, &info);
    SAYS(rt_tgsigqueueinfo, -1l, -1l, SIGTERM, &info);
    SAYS(rt_tgsigqueueinfo, getpid(), getpid(), 77l, &info);
    SAYS(rt_tgsigqueueinfo, getpid(), getpid(), SIGTERM, nowhere);
    stack_t small = {.ss_sp = buffer, .ss_size = 100}, odd = {.ss_sp = buffer, .ss_flags = 77, .ss_size = 8192};
    SAYS(sigaltstack, &small, NULL);
    SAYS(sigaltstack, &odd, NULL);
    SAYS(sigaltstack, nowhere, NULL);
    SAYS(sigaltstack, NULL, nowhere);
}

static void clocks(void) {
    struct timespec bad = {0, 2000000000}, negative = {-1, 0};
    struct { struct timespec interval, first; } bad_timer = {{0, 0}, {0, 2000000000}};
    SAYS(clock_gettime, 777l, buffer);
    SAYS(clock_getres, 777l, buffer);
    SAYS(clock_getres, 0l, nowhere);
    SAYS(clock_getres, 0l, NULL);
    SAYS(clock_nanosleep, 777l, 0l, buffer, NULL);
    SAYS(clock_nanosleep, 0l, 0l, &bad, NULL);
    SAYS(clock_nanosleep, 0l, 0l, &negative, NULL);
    SAYS(clock_nanosleep, 0l, 0l, nowhere, NULL);
    SAYS(nanosleep, &bad, NULL);
    SAYS(nanosleep, &negative, NULL);
    SAYS(gettimeofday, nowhere, NULL);
    SAYS(gettimeofday, NULL, NULL);
    SAYS(time, nowhere);
    SAYS(times, nowhere);
    SAYS(getitimer, 77l, buffer);
    SAYS(getitimer, ITIMER_REAL, nowhere);
    SAYS(setitimer, 77l, buffer, NULL);
    SAYS(setitimer, ITIMER_REAL, nowhere, NULL);
    struct { long seconds, microseconds, first, first_microseconds; } bad_old = {0, 0, 0, 2000000};
    SAYS(setitimer, ITIMER_REAL, &bad_old, NULL);
    SAYS(timer_create, 777l, NULL, buffer);
    SAYS(timer_create, 0l, NULL, nowhere);
    SAYS(timer_create, 0l, nowhere, buffer);
    struct sigevent event = {.sigev_notify = 77, .sigev_signo = SIGUSR1};
    SAYS(timer_create, 0l, &event, buffer);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = 777;
    SAYS(timer_create, 0l, &event, buffer);
    SAYS(timer_settime, 777l, 0l, buffer, NULL);
    SAYS(timer_settime, 0l, 0l, &bad_timer, NULL);
    SAYS(timer_settime, 0l, 0l, NULL, NULL);
    SAYS(timer_gettime, 777l, buffer);
    SAYS(timer_getoverrun, 777l);
    SAYS(timer_delete, 777l);
    SAYS(timerfd_create, 777l, 0l);
    SAYS(timerfd_create, 0l, 77l);
    int const timer = (int)syscall(SYS_timerfd_create, 1l, 0l);
    SAYS(timerfd_settime, 99l, 0l, buffer, NULL);
    SAYS(timerfd_settime, 0l, 0l, buffer, NULL);
    SAYS(timerfd_settime, timer, 0x77l, buffer, NULL);
    SAYS(timerfd_settime, timer, 0l, &bad_timer, NULL);
    SAYS(timerfd_settime, timer, 0l, nowhere, NULL);
    SAYS(timerfd_gettime, 99l, buffer);
    SAYS(timerfd_gettime, timer, nowhere);
    SAYS(read, timer, buffer, 4l);
}

static void limits(void) {
    struct rlimit odd = {2, 1};
    SAYS(getrlimit, 77l, buffer);
    SAYS(getrlimit, RLIMIT_NOFILE, nowhere);
    SAYS(setrlimit, 77l, buffer);
    SAYS(setrlimit, RLIMIT_NOFILE, nowhere);
    SAYS(setrlimit, RLIMIT_CORE, &odd);
    SAYS(prlimit64, NOBODY, RLIMIT_NOFILE, NULL, buffer);
    SAYS(prlimit64, 0l, 77l, NULL, buffer);
    SAYS(prlimit64, 0l, RLIMIT_CORE, &odd, NULL);
    SAYS(prlimit64, 0l, RLIMIT_NOFILE, nowhere, NULL);
    SAYS(getrusage, 77l, buffer);
    SAYS(getrusage, 0l, nowhere);
    SAYS(sysinfo, nowhere);
    SAYS(uname, nowhere);
}

static void make(char const* name, char const* text, int mode) {
    int const file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    CHECK(file >= 0 && write(file, text, strlen(text)) == (long)strlen(text) && fchmod(file, mode) == 0);
    close(file);
}

int main(void) {
    make("/tmp/empty_program", "", 0755);
    make("/tmp/not_a_program", "\177ELF, it says", 0755);
    make("/tmp/no_interpreter", "#!/gone\n", 0755);
    make("/tmp/not_executable", "#!/bin/sh\n", 0644);
    processes();
    signals();
    clocks();
    limits();
    CHECK(unlink("/tmp/empty_program") == 0 && unlink("/tmp/not_a_program") == 0);
    CHECK(unlink("/tmp/no_interpreter") == 0 && unlink("/tmp/not_executable") == 0);
    DONE;
}
