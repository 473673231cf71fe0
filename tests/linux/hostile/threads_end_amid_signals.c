// Signals without end for threads that begin and end: each ends as it should, and nothing is heard of it.
// quiet: yes
#define _GNU_SOURCE
#include "../check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

static volatile int target;
static volatile int over;
static void handle(int signal) { (void)signal; }
static void* flood(void* unused) {
    for (int i = 0; !over; ++i) {
        if (target != 0) syscall(SYS_tgkill, getpid(), target, SIGUSR1);
        if (i % 64 == 0) sched_yield();
    }
    return unused;
}
static void* end(void* unused) {
    target = (int)syscall(SYS_gettid);
    return unused;
}
int main(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t flooder, thread;
    CHECK(pthread_create(&flooder, NULL, flood, NULL) == 0);
    for (int i = 0; i < 200; ++i) {
        CHECK(pthread_create(&thread, NULL, end, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
    over = 1;
    CHECK(pthread_join(flooder, NULL) == 0);
    DONE;
}
