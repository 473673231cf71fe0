// Random calls with random arguments, from children that end in any way. Afterwards the server still
// serves, and all memory is back. Never run on Linux: it would obey.
#define _GNU_SOURCE
#include "../random.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static char buffer[8192];
static uint64_t argument(void) {
    static char const* const paths[] = {"/tmp/x", "/", "/tmp", "/dev/null", "/proc/self/exe", "x/y", ""};
    switch (next() % 10) {
        case 0: return next();
        case 1: return next() % 64;
        case 2: return -(next() % 64);
        case 3: return (uint64_t)buffer + next() % sizeof(buffer);
        case 4: return (uint64_t)paths[next() % 7];
        case 5: return 1ull << next() % 64;
        case 6: return 0x7f8100000000 + next() % 0x50000000;
        case 7: return next() % 0x800000000000 & ~0xfffull;
        case 8: return 4096 * (next() % 16);
        default: return next() % 4;
    }
}
static int is_left_out(uint64_t number) {
    switch (number) {
        case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_rt_sigsuspend: case SYS_vfork:
        case SYS_fork: case SYS_clone: case SYS_clone3: case SYS_kill: case SYS_tkill: case SYS_tgkill:
        case SYS_nanosleep: case SYS_clock_nanosleep: case SYS_rt_sigtimedwait:
        case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo: case SYS_setitimer: case SYS_alarm:
            return 1;
        default:
            return 0;
    }
}
// What soon ends a process that does it at random. Every second child leaves it out, and so lives long.
static int is_suicide(uint64_t number) {
    switch (number) {
        case SYS_mmap: case SYS_munmap: case SYS_mremap: case SYS_mprotect: case SYS_madvise: case SYS_brk:
        case SYS_rt_sigreturn: case SYS_arch_prctl: case SYS_execve: case SYS_execveat: case SYS_poll:
        case SYS_ppoll: case SYS_select: case SYS_pselect6: case SYS_epoll_wait: case SYS_epoll_pwait:
        case SYS_futex: case SYS_timer_settime: case SYS_rt_sigaction:
            return 1;
        default:
            return 0;
    }
}

static void wakes(int number) { (void)number; }

enum { WIDTH = 8 };  // children at once
static sigset_t none;
static volatile uint64_t* made;  // calls, by place
static void run(uint64_t seed, int place, int calls) {
    state = seed;
    // For what blocks: it ends the process, or only the call.
    struct sigaction action = {.sa_handler = seed % 2 == 0 ? wakes : SIG_DFL};
    struct itimerval soon = {{0, seed % 2 == 0 ? 5000 : 0}, {0, seed % 2 == 0 ? 5000 : 999999}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    for (int i = 0; i < 3; ++i) close(i);
    for (int i = 0; i < calls; ++i) {
        if (i % 64 == 0) sigprocmask(SIG_SETMASK, &none, NULL);
        uint64_t const number = next() % 462;
        if (is_left_out(number) || (seed % 2 == 0 && is_suicide(number))) continue;
        ++made[place];
        syscall((long)number, argument(), argument(), argument(), argument(), argument(), argument());
    }
    _exit(0);
}
static unsigned long free_memory(void) {
    struct sysinfo info;
    CHECK(sysinfo(&info) == 0);
    return info.freeram;
}

static struct { pid_t id; long since; } running[WIDTH];
static long seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}
// Waits until a place is free. A child that waits for ever with the alarm blocked is killed.
static int free_place(int all) {
    for (;;) {
        int alive = 0;
        for (int i = 0; i < WIDTH; ++i) {
            if (running[i].id == 0 && !all) return i;
            alive += running[i].id != 0;
            if (running[i].id != 0 && seconds() > running[i].since + 5) kill(running[i].id, SIGKILL);
        }
        if (alive == 0) return 0;
        pid_t const ended = waitpid(-1, NULL, 0);
        CHECK(ended > 0 || errno == EINTR);
        for (int i = 0; i < WIDTH && ended > 0; ++i) {
            if (running[i].id == ended) running[i].id = 0;
        }
    }
}

int main(int count, char** words) {
    int const children = count > 1 ? atoi(words[1]) : 120;
    int const calls = count > 2 ? atoi(words[2]) : 400;
    uint64_t const seed = count > 3 ? strtoull(words[3], NULL, 10) : 0;
    unsigned long before = 0;
    made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(made != MAP_FAILED);
    struct sigaction action = {.sa_handler = wakes};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 500000}, {0, 500000}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < children; ++i) {
        int const place = free_place(0);
        pid_t const child = fork();
        CHECK(child >= 0);
        if (child == 0) run(seed + (uint64_t)i, place, calls);
        running[place].id = child;
        running[place].since = seconds();
        if (i == WIDTH) {
            free_place(1);
            before = free_memory();
        }
    }
    free_place(1);
    uint64_t sum = 0;
    for (int i = 0; i < WIDTH; ++i) sum += made[i];
    CHECK(system("rm -rf /tmp/x; true") == 0);
    unsigned long const after = free_memory();
    printf("made %llu calls\n", (unsigned long long)sum);
    if (after + (4u << 20) < before) printf("%ld KiB did not come back\n", (long)(before - after) / 1024);
    DONE;
}
