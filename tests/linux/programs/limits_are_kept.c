// setrlimit: descriptors, address space, data; kept by fork and exec.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void limit(int resource, rlim_t soft) {
    struct rlimit now;
    CHECK(getrlimit(resource, &now) == 0);
    now.rlim_cur = soft;
    CHECK(setrlimit(resource, &now) == 0);
}
static int in_child(int (*what)(void)) {
    pid_t const child = fork();
    if (child == 0) _exit(what());
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}
static int opens_few(void) {
    limit(RLIMIT_NOFILE, 10);
    int last = 0;
    for (int file; (file = dup(0)) >= 0;) last = file;
    if (last != 9 || errno != EMFILE) return 1;
    if (fcntl(0, F_DUPFD, 10) != -1 || errno != EINVAL) return 2;
    limit(RLIMIT_NOFILE, 12);
    return dup(0) == 10 ? 0 : 3;
}
static int maps_little(void) {
    limit(RLIMIT_AS, 64u << 20);
    if (mmap(NULL, 65u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 1;
    if (errno != ENOMEM || malloc(100u << 20) != NULL) return 2;
    char* const at = mmap(NULL, 8u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return 3;
    if (mremap(at, 8u << 20, 80u << 20, MREMAP_MAYMOVE) != MAP_FAILED || errno != ENOMEM) return 4;
    limit(RLIMIT_AS, RLIM_INFINITY);
    limit(RLIMIT_DATA, 1u << 20);
    if (mmap(NULL, 2u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 5;
    return mmap(NULL, 2u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 6 : 0;
}

static int goes_deep(int left) {
    volatile char space[1 << 16];
    space[0] = 1;
    return left == 0 ? space[0] : goes_deep(left - 1) + space[0] - 1;
}

int main(int count, char** words) {
    struct rlimit now;
    if (count > 1 && strcmp(words[1], "deep") == 0) return 6 + goes_deep(500);  // 32 MiB
    if (count > 1) {
        CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && getrlimit(RLIMIT_CORE, &now) == 0);
        return now.rlim_cur == 0 && getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 77 ? 5 : 6;
    }
    CHECK(in_child(opens_few) == 0);
    CHECK(in_child(maps_little) == 0);
    pid_t const child = fork();
    if (child == 0) {
        limit(RLIMIT_NOFILE, 77);
        limit(RLIMIT_CORE, 0);
        execl(words[0], words[0], "again", NULL);
        _exit(1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur != 77);
    pid_t const deep = fork();
    if (deep == 0) {
        limit(RLIMIT_STACK, 64u << 20);
        execl(words[0], words[0], "deep", NULL);
        _exit(1);
    }
    CHECK(waitpid(deep, &status, 0) == deep && WEXITSTATUS(status) == 7);
    now.rlim_cur = now.rlim_max;
    now.rlim_max = 5;
    ERROR(setrlimit(RLIMIT_NOFILE, &now), EINVAL);
    ERROR(getrlimit(99, &now), EINVAL);
    DONE;
}
