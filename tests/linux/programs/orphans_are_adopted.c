// Orphans go to the nearest ancestor that asked for them, and hear of their parent's death if they asked.
#define _GNU_SOURCE
#include "../check.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int main(void) {
    int value = -1, ends[2], status;
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 1);
    CHECK(prctl(PR_GET_PDEATHSIG, &value) == 0 && value == 0);
    ERROR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    CHECK(pipe(ends) == 0);
    pid_t const child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 0);
        pid_t const orphan = fork();
        CHECK(orphan >= 0);
        if (orphan == 0) {
            CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &value) == 0);
            CHECK(value == SIGUSR1 && write(ends[1], "x", 1) == 1);
            for (;;) pause();
        }
        char byte;
        CHECK(read(ends[0], &byte, 1) == 1 && write(ends[1], &orphan, sizeof(orphan)) == sizeof(orphan));
        _exit(3);
    }
    pid_t orphan;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
    CHECK(read(ends[0], &orphan, sizeof(orphan)) == sizeof(orphan));
    CHECK(waitpid(orphan, &status, 0) == orphan && WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    DONE;
}
