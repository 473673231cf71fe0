// siginfo's sender and values, queues of real-time signals, timers, cancelled threads.
#define _GNU_SOURCE
#include "../check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static siginfo_t seen[64];
static volatile sig_atomic_t count;
static void informed(int number, siginfo_t* info, void* context) {
    (void)number, (void)context;
    if (count < 64) seen[count++] = *info;
}
static void set(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = informed;
    action.sa_flags = SA_SIGINFO;
    sigfillset(&action.sa_mask);  // one after the other
    CHECK(sigaction(number, &action, NULL) == 0);
}
static void await(int wanted) {
    while (count < wanted) usleep(1000);
}
static void* blocks(void* argument) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&lock);
    *(volatile int*)argument = 1;
    pthread_cond_wait(&never, &lock);
    return NULL;
}

int main(void) {
    int const rt = SIGRTMIN + 3;
    set(SIGUSR1), set(SIGUSR2), set(SIGCHLD), set(SIGALRM), set(rt), set(rt + 1), set(SIGRTMAX);
    CHECK(kill(getpid(), SIGUSR1) == 0 && count == 1);
    CHECK(seen[0].si_code == SI_USER && seen[0].si_pid == getpid() && seen[0].si_uid == getuid());
    CHECK(raise(SIGUSR1) == 0 && seen[1].si_code == SI_TKILL && seen[1].si_pid == getpid());

    union sigval value = {.sival_ptr = (void*)0x123456789};
    CHECK(sigqueue(getpid(), SIGUSR2, value) == 0 && count == 3);
    CHECK(seen[2].si_code == SI_QUEUE && seen[2].si_value.sival_ptr == (void*)0x123456789);
    CHECK(seen[2].si_pid == getpid());
    CHECK(sigqueue(getpid(), 65, value) == -1 && errno == EINVAL);

    // Real-time signals queue, in order, the lowest number first; others do not.
    sigset_t all, old, pending;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    count = 0;
    for (int i = 0; i < 5; ++i) {
        value.sival_int = i;
        CHECK(sigqueue(getpid(), rt + (i & 1), value) == 0);
        CHECK(sigqueue(getpid(), SIGUSR2, value) == 0);
    }
    CHECK(kill(getpid(), SIGRTMAX) == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGRTMAX) == 1 && count == 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(count == 7);
    CHECK(seen[0].si_signo == SIGUSR2 && seen[0].si_value.sival_int == 0);
    int const order[] = {0, 2, 4, 1, 3};
    for (int i = 0; i < 5; ++i) {
        CHECK(seen[1 + i].si_signo == rt + (i > 2) && seen[1 + i].si_value.sival_int == order[i]);
    }
    CHECK(seen[6].si_signo == SIGRTMAX && seen[6].si_code == SI_USER);

    // Taken without a handler.
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, rt);
    sigprocmask(SIG_BLOCK, &one, &old);
    for (int i = 0; i < 2; ++i) {
        value.sival_int = 70 + i;
        CHECK(sigqueue(getpid(), rt, value) == 0);
    }
    siginfo_t info;
    CHECK(sigwaitinfo(&one, &info) == rt && info.si_value.sival_int == 70 && info.si_code == SI_QUEUE);
    CHECK(sigwaitinfo(&one, &info) == rt && info.si_value.sival_int == 71);
    struct timespec none = {0, 0};
    CHECK(sigtimedwait(&one, &info, &none) == -1 && errno == EAGAIN);
    sigprocmask(SIG_SETMASK, &old, NULL);

    // A child's end, and a signal that it sent.
    count = 0;
    pid_t child = fork();
    if (child == 0) {
        value.sival_int = 9;
        sigqueue(getppid(), rt, value);
        _exit(7);
    }
    await(2);
    siginfo_t const sent = seen[seen[0].si_signo == SIGCHLD], ended = seen[seen[0].si_signo == rt];
    CHECK(sent.si_signo == rt && sent.si_pid == child && sent.si_value.sival_int == 9);
    CHECK(ended.si_signo == SIGCHLD && ended.si_code == CLD_EXITED && ended.si_pid == child);
    CHECK(ended.si_status == 7 && waitpid(child, NULL, 0) == child);
    count = 0;
    child = fork();
    if (child == 0) for (;;) pause();
    kill(child, SIGKILL);
    await(1);
    CHECK(seen[0].si_code == CLD_KILLED && seen[0].si_status == SIGKILL && waitpid(child, NULL, 0) == child);

    // A child begins with nothing pending.
    sigprocmask(SIG_BLOCK, &one, &old);
    CHECK(sigqueue(getpid(), rt, value) == 0);
    child = fork();
    if (child == 0) _exit(sigtimedwait(&one, &info, &none) == rt);
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(sigtimedwait(&one, &info, &none) == rt);
    sigprocmask(SIG_SETMASK, &old, NULL);

    count = 0;
    struct itimerval soon = {{0, 0}, {0, 1000}};
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    await(1);
    CHECK(seen[0].si_signo == SIGALRM && seen[0].si_code == SI_KERNEL);

    volatile int began = 0;
    pthread_t thread;
    void* result = NULL;
    CHECK(pthread_create(&thread, NULL, blocks, (void*)&began) == 0);
    while (!began) usleep(100);
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED);
    DONE;
}
