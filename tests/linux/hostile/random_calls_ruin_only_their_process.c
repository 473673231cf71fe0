// Random calls with random arguments, from children that end in any way. Afterwards the server still
// serves, and all memory is back. Never run on Linux: it would obey.
#define _GNU_SOURCE
#include "../check.h"
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint64_t state;
static uint64_t next(void) {  // splitmix64
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
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
        case SYS_setitimer: case SYS_alarm:
            return 1;
        default:
            return 0;
    }
}
static void run(uint64_t seed, int calls) {
    state = seed;
    signal(SIGALRM, SIG_DFL);
    alarm(1);  // for what blocks
    for (int i = 0; i < 3; ++i) close(i);
    for (int i = 0; i < calls; ++i) {
        uint64_t const number = next() % 462;
        if (is_left_out(number)) continue;
        syscall((long)number, argument(), argument(), argument(), argument(), argument(), argument());
    }
    _exit(0);
}
static unsigned long free_memory(void) {
    struct sysinfo info;
    CHECK(sysinfo(&info) == 0);
    return info.freeram;
}

int main(int count, char** words) {
    int const children = count > 1 ? atoi(words[1]) : 120;
    int const calls = count > 2 ? atoi(words[2]) : 400;
    uint64_t const seed = count > 3 ? strtoull(words[3], NULL, 10) : 0;
    unsigned long before = 0;
    for (int i = 0; i < children; ++i) {
        pid_t const child = fork();
        CHECK(child >= 0);
        if (child == 0) run(seed + (uint64_t)i, calls);
        // One that waits for ever with the alarm blocked is killed.
        pid_t ended = 0;
        for (int tries = 0; (ended = waitpid(child, NULL, WNOHANG)) == 0; ++tries) {
            if (tries == 3000) kill(child, SIGKILL);
            usleep(1000);
        }
        CHECK(ended == child);
        if (i == 2) before = free_memory();
    }
    CHECK(system("rm -rf /tmp/x; true") == 0);
    unsigned long const after = free_memory();
    if (after + (4u << 20) < before) printf("%ld KiB did not come back\n", (long)(before - after) / 1024);
    DONE;
}
