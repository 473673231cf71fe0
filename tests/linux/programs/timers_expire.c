// POSIX timers, timerfd, and System V semaphores.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t count;
static siginfo_t seen;
static void informed(int number, siginfo_t* info, void* context) {
    (void)number, (void)context, seen = *info, ++count;
}
static volatile int in_thread;
static void notified(union sigval value) { in_thread = value.sival_int; }

static void posix_timers(void) {
    struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGRTMIN, &action, NULL) == 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    event.sigev_value.sival_int = 77;
    timer_t timer, silent;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec soon = {{0, 1000000}, {0, 1000000}}, left;
    CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
    while (count < 3) usleep(100);
    CHECK(seen.si_code == SI_TIMER && seen.si_value.sival_int == 77);
    CHECK(timer_gettime(timer, &left) == 0 && left.it_interval.tv_nsec == 1000000);
    CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && timer_getoverrun(timer) >= 0);
    struct itimerspec none = {{0, 0}, {0, 0}};
    CHECK(timer_settime(timer, 0, &none, &left) == 0 && timer_gettime(timer, &left) == 0);
    CHECK(left.it_value.tv_nsec == 0);
    CHECK(timer_delete(timer) == 0);

    event.sigev_notify = SIGEV_NONE;
    CHECK(timer_create(CLOCK_REALTIME, &event, &silent) == 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct itimerspec at = {{0, 0}, {now.tv_sec + 100, 0}};
    CHECK(timer_settime(silent, TIMER_ABSTIME, &at, NULL) == 0 && timer_gettime(silent, &left) == 0);
    CHECK(left.it_value.tv_sec >= 98 && left.it_value.tv_sec <= 100 && timer_delete(silent) == 0);

    struct sigevent thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified};
    thread.sigev_value.sival_int = 12;
    CHECK(timer_create(CLOCK_MONOTONIC, &thread, &timer) == 0);
    struct itimerspec once = {{0, 0}, {0, 1000000}};
    CHECK(timer_settime(timer, 0, &once, NULL) == 0);
    while (in_thread != 12) usleep(100);
    CHECK(timer_delete(timer) == 0);
    once.it_value.tv_nsec = 1000000000;
    CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
    ERROR(timer_settime(timer, 0, &once, NULL), EINVAL);
    CHECK(timer_delete(timer) == 0);
    ERROR(timer_create(99, NULL, &timer), EINVAL);
}

static void timer_files(void) {
    int const file = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    uint64_t times = 0;
    CHECK(file >= 0);
    ERROR(read(file, &times, 8), EAGAIN);
    struct itimerspec soon = {{0, 0}, {0, 2000000}}, left;
    CHECK(timerfd_settime(file, 0, &soon, NULL) == 0);
    struct pollfd poll_of = {file, POLLIN, 0};
    CHECK(poll(&poll_of, 1, -1) == 1 && poll_of.revents == POLLIN);
    CHECK(read(file, &times, 8) == 8 && times == 1);
    ERROR(read(file, &times, 8), EAGAIN);
    ERROR(read(file, &times, 7), EINVAL);
    soon.it_interval.tv_nsec = 1000000;
    CHECK(timerfd_settime(file, 0, &soon, NULL) == 0);
    int const list = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.u32 = 3}};
    CHECK(epoll_ctl(list, EPOLL_CTL_ADD, file, &event) == 0);
    for (unsigned sum = 0; sum < 3; sum += times) {
        CHECK(epoll_wait(list, &event, 1, -1) == 1 && event.data.u32 == 3);
        CHECK(read(file, &times, 8) == 8 && times >= 1);
    }
    CHECK(timerfd_gettime(file, &left) == 0 && left.it_interval.tv_nsec == 1000000);
    CHECK(fcntl(file, F_SETFL, 0) == 0 && read(file, &times, 8) == 8);
    ERROR(timerfd_settime(0, 0, &soon, NULL), EINVAL);
    ERROR(timerfd_settime(99, 0, &soon, NULL), EBADF);
    ERROR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    close(file);
}

union semun {
    int val;
    struct semid_ds* buf;
    unsigned short* array;
};
static int operate(int set, int index, int add, int flags) {
    struct sembuf one = {(unsigned short)index, (short)add, (short)flags};
    return semop(set, &one, 1);
}

static void semaphores(void) {
    int const set = semget(IPC_PRIVATE, 3, 0600);
    CHECK(set >= 0);
    unsigned short values[3] = {1, 2, 3}, got[3];
    CHECK(semctl(set, 0, SETALL, (union semun){.array = values}) == 0);
    CHECK(semctl(set, 0, GETALL, (union semun){.array = got}) == 0 && got[0] == 1 && got[2] == 3);
    struct semid_ds described;
    CHECK(semctl(set, 0, IPC_STAT, (union semun){.buf = &described}) == 0 && described.sem_nsems == 3);
    // All or nothing.
    struct sembuf two[2] = {{2, -3, IPC_NOWAIT}, {0, -2, IPC_NOWAIT}};
    ERROR(semop(set, two, 2), EAGAIN);
    CHECK(semctl(set, 2, GETVAL) == 3);
    two[1].sem_op = -1;
    CHECK(semop(set, two, 2) == 0 && semctl(set, 2, GETVAL) == 0 && semctl(set, 0, GETVAL) == 0);
    struct timespec soon = {0, 1000000};
    struct sembuf one = {0, -1, 0};
    CHECK(semtimedop(set, &one, 1, &soon) == -1 && errno == EAGAIN);
    pid_t child = fork();
    if (child == 0) {
        while (semctl(set, 1, GETNCNT) != 1) usleep(100);
        operate(set, 2, 5, SEM_UNDO);
        operate(set, 1, 1, 0);
        _exit(0);
    }
    CHECK(operate(set, 1, -3, 0) == 0 && semctl(set, 1, GETVAL) == 0 && semctl(set, 1, GETPID) == getpid());
    CHECK(waitpid(child, NULL, 0) == child && semctl(set, 2, GETVAL) == 0);
    CHECK(operate(set, 2, 0, 0) == 0);
    CHECK(semctl(set, 2, SETVAL, (union semun){.val = 9}) == 0 && semctl(set, 2, GETVAL) == 9);
    ERROR(semctl(set, 2, SETVAL, (union semun){.val = 40000}), ERANGE);
    ERROR(operate(set, 5, 1, 0), EFBIG);
    ERROR(semctl(set, 5, GETVAL), EINVAL);
    child = fork();
    if (child == 0) _exit(operate(set, 0, -1, 0) == -1 && errno == EIDRM ? 8 : 1);
    while (semctl(set, 0, GETNCNT) != 1) usleep(100);
    CHECK(semctl(set, 0, IPC_RMID) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 8);
    ERROR(semget(0x5172, 1, 0), ENOENT);
    int const named = semget(0x5172, 1, IPC_CREAT | 0600);
    CHECK(named >= 0 && semget(0x5172, 1, 0) == named);
    ERROR(semget(0x5172, 1, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK(semctl(named, 0, IPC_RMID) == 0);
}

int main(void) {
    posix_timers();
    timer_files();
    semaphores();
    DONE;
}
