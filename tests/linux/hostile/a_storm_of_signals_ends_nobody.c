// A thousand timers that expire all the time, and processes that send without end: who gets the signals
// goes on, and so do the others.
// processors: 2
#define _GNU_SOURCE
#include "../check.h"
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t handled;
static void counts(int number) { (void)number, ++handled; }

static void arms_timers(int signal_number) {
    signal(signal_number, SIG_IGN);
    for (int i = 0; i < 1000; ++i) {
        timer_t timer;
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal_number};
        struct itimerspec always = {{0, 1}, {0, 1}};
        CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
        CHECK(timer_settime(timer, 0, &always, NULL) == 0);
    }
    for (;;) pause();
}
static void sends(pid_t to, int signal_number) {
    for (;;) {
        if (kill(to, signal_number) != 0) _exit(1);
    }
}

int main(void) {
    signal(SIGURG, SIG_IGN);
    signal(SIGUSR1, counts);
    pid_t others[4];
    for (int i = 0; i < 4; ++i) {
        CHECK((others[i] = fork()) >= 0);
        if (others[i] != 0) continue;
        if (i < 2) arms_timers(i == 0 ? SIGRTMIN : SIGUSR2);
        sends(getppid(), i == 2 ? SIGURG : SIGUSR1);
    }
    for (int i = 0; i < 3000 || handled < 100; ++i) CHECK(access("/tmp", F_OK) == 0);
    for (int i = 0; i < 4; ++i) CHECK(waitpid(others[i], NULL, WNOHANG) == 0);
    for (int i = 0; i < 4; ++i) CHECK(kill(others[i], SIGKILL) == 0 && waitpid(others[i], NULL, 0) == others[i]);
    DONE;
}
