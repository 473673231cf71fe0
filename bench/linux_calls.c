// What Linux's calls cost: the same static program on Linux and in Quarry, counted between markers
// (bench/count_plugin.c). As process 1 it switches the machine off at its end. With an argument it
// ends at once: what exec runs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK(id, end) \
    __asm__ volatile("nopl %c0(%%rax,%%rax,1)" : : "i"(0x4b500000 | (id) << 1 | (end)) : "memory")
#define MEASURE(id, rounds, work)                 \
    for (int round = 0; round < (rounds); ++round) { \
        MARK(id, 0);                              \
        work;                                     \
        MARK(id, 1);                              \
    }

enum { PAGE = 4096, PAGES = 256, ROUNDS = 60 };

static char* guarded;
static void mend(int number) {
    (void)number;
    mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
}
static char* map(size_t bytes) {
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void touch(char* at, int pages) {
    for (int i = 0; i < pages; ++i) *(volatile char*)(at + (size_t)i * PAGE) = 1;
}
static void* nothing(void* argument) { return argument; }

static uint32_t turn;
static void wait_for_turn(uint32_t mine) {
    uint32_t now;
    while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}
static void give_turn(uint32_t other) {
    __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void* partner(void* argument) {
    for (int i = 0; i < ROUNDS; ++i) {
        wait_for_turn(1);
        give_turn(0);
    }
    return argument;
}

static void measure_memory(void) {
    char* p;
    MEASURE(41, ROUNDS, { p = map(PAGE); touch(p, 1); munmap(p, PAGE); });
    MEASURE(42, ROUNDS, { p = map(PAGES * PAGE); touch(p, PAGES); munmap(p, PAGES * PAGE); });
    p = map((size_t)ROUNDS * 64 * PAGE);
    MEASURE(43, ROUNDS, touch(p + (size_t)round * 64 * PAGE, 1));
    signal(SIGSEGV, mend);
    guarded = map(PAGE);
    touch(guarded, 1);
    MEASURE(44, ROUNDS, { mprotect(guarded, PAGE, PROT_NONE); touch(guarded, 1); });
    char* const place = map(4 * PAGES * PAGE);
    char* from = place;
    touch(from, PAGES);
    MEASURE(45, ROUNDS, {
        char* const to = from == place ? place + 2 * PAGES * PAGE : place;
        from = mremap(from, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    });
}

static void measure_processes(char* self) {
    MEASURE(46, ROUNDS, {
        pid_t const child = fork();
        if (child == 0) _exit(0);
        waitpid(child, NULL, 0);
    });
    char* arguments[] = {self, "end", NULL};
    MEASURE(47, ROUNDS / 2, {
        pid_t const child = fork();
        if (child == 0) {
            execv(self, arguments);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    });
    int to[2], from[2];
    char byte = 0;
    if (pipe(to) != 0 || pipe(from) != 0) _exit(2);
    pid_t const child = fork();
    if (child == 0) {
        for (int i = 0; i < ROUNDS; ++i)
            if (read(to[0], &byte, 1) != 1 || write(from[1], &byte, 1) != 1) _exit(3);
        _exit(0);
    }
    MEASURE(48, ROUNDS, {
        if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1) _exit(4);
    });
    waitpid(child, NULL, 0);
}

static void measure_threads(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, partner, NULL);
    MEASURE(49, ROUNDS, {
        give_turn(1);
        wait_for_turn(0);
    });
    pthread_join(thread, NULL);
    MEASURE(50, ROUNDS, {
        pthread_create(&thread, NULL, nothing, NULL);
        pthread_join(thread, NULL);
    });
}

static void measure_files(void) {
    static char block[1 << 20];
    mkdir("/tmp", 0777);
    int const file = open("/tmp/file", O_CREAT | O_RDWR, 0600);
    if (file < 0 || write(file, block, sizeof(block)) != sizeof(block)) _exit(5);
    MEASURE(51, ROUNDS, if (pread(file, block, 4096, 0) != 4096) _exit(6));
    MEASURE(52, ROUNDS / 2, if (pread(file, block, sizeof(block), 0) != sizeof(block)) _exit(7));
    struct stat st;
    MEASURE(53, ROUNDS, stat("/tmp/file", &st));
    MEASURE(54, ROUNDS, {
        int const opened = open("/tmp/file", O_RDONLY);
        close(opened);
    });
}

int main(int count, char** words) {
    if (count > 1) return 0;
    MEASURE(40, ROUNDS, syscall(SYS_getpid));
    measure_memory();
    measure_threads();
    measure_files();
    measure_processes(words[0]);
    printf("measured\n");
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return 0;
}
