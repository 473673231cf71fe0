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

int main(void) {
    char name[] = "/tmp/long_write.XXXXXX";
    int const file = mkstemp(name);
    CHECK(file >= 0 && unlink(name) == 0);
    void* const zeros = mmap(NULL, whole, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(zeros != MAP_FAILED);
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
    CHECK(fstat(file, &state) == 0 && state.st_size < whole);
    DONE;
}
