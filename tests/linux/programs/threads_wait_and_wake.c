// Threads: creation, joining, locks, cancellation, their own storage, robust mutexes, futexes.
#define _GNU_SOURCE
#include "../check.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>

enum { FUTEX_WAIT, FUTEX_WAKE };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int counter, turn;
static __thread int own = 5;
static pthread_key_t key;
static int destroyed;
static void destroy(void* value) { destroyed += *(int*)value; }

static void* adds(void* argument) {
    for (int i = 0; i < 2000; ++i) {
        pthread_mutex_lock(&mutex);
        ++counter;
        pthread_mutex_unlock(&mutex);
    }
    own += (int)(long)argument;
    pthread_setspecific(key, &turn);
    return (void*)(long)own;
}
static void* takes_turns(void* argument) {
    int const mine = (int)(long)argument;
    for (int i = 0; i < 200; ++i) {
        pthread_mutex_lock(&mutex);
        while (turn % 2 != mine) pthread_cond_wait(&cond, &mutex);
        ++turn;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static void* meets(void* argument) {
    int* const last = argument;
    for (int i = 0; i < 20; ++i)
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) ++*last;
    return NULL;
}
static void* sleeps(void* argument) {
    (void)argument;
    struct timespec const late = {1000, 0};
    nanosleep(&late, NULL);
    return NULL;
}
static pthread_mutex_t robust;
static void* dies_holding(void* argument) {
    (void)argument;
    pthread_mutex_lock(&robust);
    return NULL;
}
static long futex(unsigned* word, int operation, unsigned value, struct timespec const* timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

int main(void) {
    pthread_key_create(&key, destroy);
    turn = 1;
    pthread_t threads[16];
    for (long i = 0; i < 16; ++i) CHECK(pthread_create(&threads[i], NULL, adds, (void*)i) == 0);
    for (long i = 0; i < 16; ++i) {
        void* result = NULL;
        CHECK(pthread_join(threads[i], &result) == 0 && (long)result == 5 + i);
    }
    CHECK(counter == 32000 && own == 5 && destroyed == 16);
    turn = 0;
    for (long i = 0; i < 2; ++i) CHECK(pthread_create(&threads[i], NULL, takes_turns, (void*)i) == 0);
    for (long i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
    CHECK(turn == 400);
    int last = 0;
    pthread_barrier_init(&barrier, NULL, 4);
    for (long i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], NULL, meets, &last) == 0);
    for (long i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
    CHECK(last == 20);

    // Many one after the other: their memory comes back.
    for (int i = 0; i < 200; ++i) {
        CHECK(pthread_create(&threads[0], NULL, adds, NULL) == 0 && pthread_join(threads[0], NULL) == 0);
    }
    void* result = NULL;
    CHECK(pthread_create(&threads[0], NULL, sleeps, NULL) == 0 && pthread_cancel(threads[0]) == 0);
    CHECK(pthread_join(threads[0], &result) == 0 && result == PTHREAD_CANCELED);

    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    CHECK(pthread_create(&threads[0], NULL, dies_holding, NULL) == 0 && pthread_join(threads[0], NULL) == 0);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
    CHECK(pthread_mutex_unlock(&robust) == 0);

    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    CHECK(pthread_cond_timedwait(&cond, &mutex, &at) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    sem_t semaphore;
    sem_init(&semaphore, 0, 1);
    CHECK(sem_wait(&semaphore) == 0 && sem_timedwait(&semaphore, &at) == -1 && errno == ETIMEDOUT);

    unsigned word = 1;
    struct timespec const moment = {0, 1000000};
    ERROR(futex(&word, FUTEX_WAIT, 2, NULL), EAGAIN);
    ERROR(futex(&word, FUTEX_WAIT, 1, &moment), ETIMEDOUT);
    ERROR(futex((unsigned*)((char*)&word + 1), FUTEX_WAIT, 1, NULL), EINVAL);
    ERROR(futex((unsigned*)64, FUTEX_WAIT, 1, NULL), EFAULT);
    ERROR(futex(&word, 99, 1, NULL), ENOSYS);
    CHECK(futex(&word, FUTEX_WAKE, 1, NULL) == 0);
    DONE;
}
