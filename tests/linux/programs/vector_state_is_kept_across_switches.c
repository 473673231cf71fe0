// Two processes and two threads compute with AVX, or SSE, at once, and none sees another's registers.
// only: glibc
#include "../check.h"
#include <pthread.h>
#include <sys/wait.h>

typedef double Vector __attribute__((vector_size(32)));

__attribute__((target_clones("avx", "default"))) static double work(double seed) {
    Vector a = {seed, seed + 1, seed + 2, seed + 3}, b = {1, 1, 1, 1};
    for (int i = 0; i < 300000; ++i) {
        b = b * 0.5 + a;
        __asm__ volatile("" : "+m"(b));
    }
    return b[0] + b[1] + b[2] + b[3];
}
static void* thread(void* argument) {
    double* const value = argument;
    *value = work(*value);
    return NULL;
}

int main(void) {
    double values[4] = {1, 10, 100, 1000};
    pid_t const child = fork();
    pthread_t threads[2];
    double* const own = child == 0 ? values : values + 2;
    for (int i = 0; i < 2; ++i) CHECK(pthread_create(&threads[i], NULL, thread, &own[i]) == 0);
    for (int i = 0; i < 2; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < 2; ++i) {
        double const seed = child == 0 ? (i ? 10 : 1) : (i ? 1000 : 100);
        CHECK(own[i] == work(seed));
    }
    if (child == 0) _exit(0);
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    DONE;
}
