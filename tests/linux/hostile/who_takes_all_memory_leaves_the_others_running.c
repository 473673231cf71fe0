// Programs take all memory, fill the file system, and make files without end. Who does so fails or is
// killed; the others and the server go on, and all of it comes back.
// processors: 1
// memory: 128
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

static unsigned long free_memory(void) {
    struct sysinfo info;
    CHECK(sysinfo(&info) == 0);
    return info.freeram;
}
static void takes_pages(void) {
    for (;;) {
        char* const at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) _exit(3);
        memset(at, 1, 1 << 20);
    }
}
static void takes_processes(void) {
    for (;;) {
        if (fork() == 0) {
            memset(malloc(1 << 18), 1, 1 << 18);
            pause();
        }
    }
}
static void fills_files(void) {
    static char block[65536];
    int const file = open("/tmp/big", O_CREAT | O_WRONLY, 0600);
    while (write(file, block, sizeof(block)) > 0) continue;
    _exit(errno == ENOSPC ? 0 : 1);
}
static int makes_some_names(char const* directory, int count) {
    char name[64];
    if (mkdir(directory, 0700) != 0) return errno;
    for (int i = 0; i < count; ++i) {
        snprintf(name, sizeof(name), "%s/%d", directory, i);
        if (mkdir(name, 0700) != 0) return errno;
    }
    return 0;
}
static void makes_names(void) {
    int const error = makes_some_names("/tmp/names", 3000);
    _exit(error == ENOSPC ? 0 : error);
}
// What others do meanwhile: it may be refused, but must not hang, nor end who asks.
static void goes_on(void) {
    for (int i = 0; i < 50; ++i) {
        int const file = open("/tmp/other", O_CREAT | O_RDWR | O_TRUNC, 0600);
        if (file >= 0) {
            char back[4] = {0};
            if (write(file, "abc", 3) == 3) CHECK(pread(file, back, 3, 0) == 3 && strcmp(back, "abc") == 0);
            close(file);
        }
        int ends[2];
        if (pipe(ends) == 0) {
            char byte = 0;
            CHECK(write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'x');
            close(ends[0]), close(ends[1]);
        }
    }
}

// Leaves hardly a page, and stays.
static void takes_nearly_all(int tells) {
    while (free_memory() > 512 * 1024) {
        *(volatile char*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
    }
    CHECK(write(tells, "t", 1) == 1);
    for (;;) pause();
}
// Names are made while there is nothing left.
static void names_without_memory(void) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t const names = fork();
    if (names == 0) {
        char byte = 0;
        close(ends[1]);
        makes_some_names("/tmp/first", 1);  // touches what it will need
        CHECK(read(ends[0], &byte, 1) == 1);
        makes_names();
    }
    pid_t const taker = fork();
    if (taker == 0) takes_nearly_all(ends[1]);
    close(ends[1]);
    int status = 0;
    CHECK(names > 0 && taker > 0 && waitpid(names, &status, 0) == names);
    CHECK(status == 0 || WTERMSIG(status) == SIGKILL);  // who finds no page is killed, too
    goes_on();
    CHECK(kill(taker, SIGKILL) == 0 && waitpid(taker, NULL, 0) == taker);
    close(ends[0]);
}
static int status_of(void (*what)(void)) {
    pid_t const child = fork();
    CHECK(child >= 0);
    if (child == 0) what();
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}
static void take_everything(void) {
    goes_on();
    CHECK(WTERMSIG(status_of(takes_pages)) == SIGKILL);
    CHECK(status_of(fills_files) == 0);
    goes_on();
    CHECK(WTERMSIG(status_of(takes_pages)) == SIGKILL);
    pid_t const takers[3] = {fork(), fork(), fork()};
    for (int i = 0; i < 3; ++i) {
        if (takers[i] == 0) takes_pages();
    }
    goes_on();
    for (int i = 0; i < 3; ++i) CHECK(takers[i] > 0 && waitpid(takers[i], NULL, 0) == takers[i]);
    names_without_memory();
    pid_t const bomb = fork();
    if (bomb == 0) {
        setpgid(0, 0);
        takes_processes();
    }
    CHECK(bomb > 0 && setpgid(bomb, bomb) == 0);  // whoever is first
    goes_on();
    while (kill(-bomb, SIGKILL) == 0) {  // until all are reaped, by this one: it is process 1
        goes_on();
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    }
    CHECK(unlink("/tmp/big") == 0 && unlink("/tmp/other") == 0);
    CHECK(system("rm -rf /tmp/names /tmp/first") == 0);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

int main(void) {
    mkdir("/tmp", 0777);
    take_everything();
    unsigned long const before = free_memory();  // the server's heap and tables have grown by now
    take_everything();
    unsigned long const after = free_memory();
    if (after + (1u << 20) < before) printf("%ld KiB did not come back\n", (long)(before - after) / 1024);
    DONE;
}
