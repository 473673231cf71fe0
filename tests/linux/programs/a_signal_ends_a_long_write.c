// A write that never has to wait ends with its process all the same.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static long const mib = 1 << 20, whole = 200 << 20;

// Whether a write was cut short. It can be done before the signal comes, if this process is held up.
static int is_cut_short(void const* zeros) {
    char name[] = "/tmp/long_write.XXXXXX";
    int const file = mkstemp(name);
    CHECK(file >= 0 && unlink(name) == 0);
    pid_t const child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)!write(file, zeros, whole);
        pause();
    }
    struct stat state;
    do {
        sched_yield();
        CHECK(fstat(file, &state) == 0);
    } while (state.st_size < mib);
    int status;
    CHECK(kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK(fstat(file, &state) == 0 && close(file) == 0);
    return state.st_size < whole;
}

int main(void) {
    void* const zeros = mmap(NULL, whole, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(zeros != MAP_FAILED);
    int tries = 20;
    while (!is_cut_short(zeros)) {
        CHECK(--tries != 0);
    }
    DONE;
}
