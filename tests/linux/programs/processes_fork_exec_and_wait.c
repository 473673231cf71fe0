// fork, exec, exit, wait, groups and what passes from parent to child.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

extern char** environ;
static int value = 1;
static volatile sig_atomic_t children;
static void child_ended(int number) { (void)number, ++children; }

static int status_of(pid_t child) {
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(child, &status, 0);
    } while (ended == -1 && errno == EINTR);
    CHECK(ended == child);
    return status;
}
static void* nothing(void* argument) { return argument; }

int main(int count, char** words) {
    if (count > 1) {
        printf("ran as %s with %s and X=%s\n", words[0], words[1], getenv("X"));
        return 9;
    }
    int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char* large = malloc(1 << 20);
    memset(large, 1, 1 << 20);
    signal(SIGCHLD, child_ended);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        value = 2;
        large[5000] = 2;
        *shared = 42;
        CHECK(getppid() != getpid());
        _exit(large[5001] == 1 ? 5 : 6);
    }
    int status = status_of(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    CHECK(value == 1 && large[5000] == 1 && *shared == 42 && children == 1);

    child = fork();
    if (child == 0) {
        for (;;) pause();
    }
    CHECK(waitpid(child, &status, WNOHANG) == 0);
    CHECK(kill(child, SIGTERM) == 0);
    status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

    child = fork();
    if (child == 0) {
        *(volatile int*)0 = 1;
    }
    status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    child = fork();
    if (child == 0) abort();
    status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);

    // Stopped and continued.
    child = fork();
    if (child == 0) {
        for (;;) {
        }
    }
    CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    CHECK(kill(child, SIGKILL) == 0);
    status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    // A pipe between them; descriptors that close on exec.
    int ends[2];
    CHECK(pipe(ends) == 0);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        char* arguments[] = {"itself", "argument", NULL};
        char* variables[] = {"X=y", NULL};
        execve("/proc/self/exe", arguments, variables);
        _exit(127);
    }
    close(ends[1]);
    char text[128];
    ssize_t length = 0, part;
    while ((part = read(ends[0], text + length, sizeof(text) - (size_t)length)) > 0) length += part;
    printf("%.*s", (int)length, text);
    status = status_of(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
    close(ends[0]);

    pid_t spawned;
    char* arguments[] = {"spawned", "more", NULL};
    fflush(stdout);
    CHECK(posix_spawn(&spawned, "/proc/self/exe", NULL, NULL, arguments, environ) == 0);
    CHECK(WEXITSTATUS(status_of(spawned)) == 9);

    // Children of children, many of them; each returns one more.
    child = fork();
    if (child == 0) {
        int depth = 0;
        while (depth < 20) {
            pid_t const next = fork();
            if (next != 0) {
                _exit(WEXITSTATUS(status_of(next)) + 1);
            }
            ++depth;
        }
        _exit(0);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 20);

    // A fork in a program with threads.
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
    child = fork();
    if (child == 0) {
        pthread_t inner;
        CHECK(pthread_create(&inner, NULL, nothing, NULL) == 0 && pthread_join(inner, NULL) == 0);
        free(malloc(100));
        _exit(3);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 3);
    pthread_join(thread, NULL);

    child = fork();
    if (child == 0) {
        CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
        ERROR(setsid(), EPERM);
        _exit(0);
    }
    CHECK(status_of(child) == 0);
    child = fork();
    if (child == 0) {
        CHECK(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
        _exit(0);
    }
    CHECK(status_of(child) == 0);

    ERROR(waitpid(-1, &status, 0), ECHILD);
    ERROR(waitpid(-1, &status, 0x7000), EINVAL);
    ERROR(execve("/no/such/file", arguments, environ), ENOENT);
    ERROR(execve("/dev/null", arguments, environ), EACCES);
    ERROR(execve("/", arguments, environ), EACCES);
    DONE;
}
