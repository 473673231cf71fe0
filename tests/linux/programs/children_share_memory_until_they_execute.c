// vfork and posix_spawn: the parent waits, sees what the child writes, and hears why it failed.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

extern char** environ;
static volatile int written;
static volatile sig_atomic_t heard;
static void counts(int number) { (void)number, ++heard; }
static char stack[65536];
static int* page;
static volatile char apart[3 * 4096];
static int from_clone(void* argument) {
    *page = *(int*)argument + 1;
    usleep(1000);
    written = 5;
    return 3;
}

// Whether a fork copies nothing that is not written to. Elsewhere than in Quarry others take memory, too.
static int forks_cheaply(void) {
    size_t const bytes = 16u << 20;
    struct sysinfo before, after;
    memset(malloc(bytes), 1, bytes);
    sysinfo(&before);
    pid_t const child = fork();
    if (child == 0) for (;;) pause();
    sysinfo(&after);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return getauxval(0x51554152) == 0 || before.freeram - after.freeram < bytes / 2;
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "fork") == 0) return forks_cheaply();
    if (argc == 2) return atoi(argv[1]);
    signal(SIGUSR1, counts);
    int status = 0;
    pid_t child = vfork();
    if (child == 0) {
        written = 7;
        kill(getppid(), SIGUSR1);
        usleep(1000);
        written += 1;
        execl("/no/such/program", "x", NULL);
        written += errno == ENOENT;
        _exit(4);
    }
    CHECK(child > 0 && written == 9 && heard == 1);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 4);

    // A page that an earlier child had part in, and one that it had not.
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
    CHECK((child = fork()) >= 0);
    if (child == 0) _exit(*page);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 1);
    int argument = 41;
    *page = 2;
    child = clone(from_clone, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &argument);
    CHECK(child > 0 && *page == 42 && written == 5);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);

    char* ok[] = {argv[0], "9", NULL};
    CHECK(posix_spawn(&child, argv[0], NULL, NULL, ok, environ) == 0);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9);
    char* forks[] = {argv[0], "fork", NULL};
    CHECK(posix_spawn(&child, argv[0], NULL, NULL, forks, environ) == 0);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 1 && forks_cheaply());
    CHECK((child = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)) >= 0);
    if (child == 0) _exit(7);  // with memory of its own, but the parent waits
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7 && forks_cheaply());
    CHECK(posix_spawn(&child, "/no/such/program", NULL, NULL, ok, environ) == ENOENT);
    CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int ends[2];
    CHECK(pipe(ends) == 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    char* echo[] = {"sh", "-c", "echo from a child", NULL};
    CHECK(posix_spawnp(&child, "sh", &actions, NULL, echo, environ) == 0);
    close(ends[1]);
    char text[64] = {0};
    CHECK(read(ends[0], text, sizeof(text)) == 13 && strcmp(text, "from a child\n") == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);

    CHECK(system("exit 6") >> 8 == 6);
    FILE* from = popen("echo piped; exit 2", "r");
    CHECK(from != NULL && fgets(text, sizeof(text), from) != NULL && strcmp(text, "piped\n") == 0);
    CHECK(WEXITSTATUS(pclose(from)) == 2);
    // A child's child has memory of its own, whatever the first parent does then.
    int go[2], said[2];
    CHECK(pipe(go) == 0 && pipe(said) == 0);
    apart[4096] = 1;  // a page that nothing else writes to
    char byte = 0;
    child = vfork();
    if (child == 0) {
        if (fork() == 0) {
            read(go[0], &byte, 1);
            char const seen = apart[4096];
            _exit(write(said[1], &seen, 1) != 1);
        }
        _exit(0);
    }
    apart[4096] = 2;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(write(go[1], "g", 1) == 1 && read(said[0], &byte, 1) == 1 && byte == 1);
    DONE;
}
