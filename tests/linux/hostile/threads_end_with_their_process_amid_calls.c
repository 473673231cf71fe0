// Threads that are in the middle of calls when their process ends: nothing is heard of them.
// quiet: yes
#define _GNU_SOURCE
#include "../check.h"
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

enum { THREADS = 3, PROCESSES = 60 };
static int ends[2];
static volatile int ready;

static void* call(void* unused) {
    char byte;
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        struct pollfd one = {ends[0], POLLIN, 0};
        if (getppid() < 0 || poll(&one, 1, 0) != 0 || read(ends[0], &byte, 0) != 0) _exit(1);
    }
    return unused;
}

int main(void) {
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < PROCESSES; ++i) {
        pid_t const child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            pthread_t thread;
            for (int j = 0; j < THREADS; ++j) CHECK(pthread_create(&thread, NULL, call, NULL) == 0);
            while (ready < THREADS) sched_yield();
            if (i % 2) abort();
            _exit(i);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(i % 2 ? WIFSIGNALED(status) : WEXITSTATUS(status) == i);
    }
    DONE;
}
