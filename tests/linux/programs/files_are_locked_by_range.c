// fcntl's locks of bytes, which belong to processes; those of open files; flock. And their waits.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int lock(int file, int command, int type, long start, long length) {
    struct flock lock = {(short)type, SEEK_SET, start, length, 0};
    return fcntl(file, command, &lock);
}
static struct flock ask(int file, int type, long start, long length) {
    struct flock lock = {(short)type, SEEK_SET, start, length, 0};
    CHECK(fcntl(file, F_GETLK, &lock) == 0);
    return lock;
}
// What a child makes of a question: its exit status.
static int in_child(int (*question)(int), int file) {
    pid_t const child = fork();
    if (child == 0) _exit(question(file));
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}
static int sees_parts(int file) {
    struct flock const first = ask(file, F_WRLCK, 0, 0);
    if (first.l_type != F_WRLCK || first.l_start != 10 || first.l_len != 5 || first.l_pid != getppid()) return 1;
    if (lock(file, F_SETLK, F_WRLCK, 12, 1) != -1 || errno != EAGAIN) return 2;
    if (lock(file, F_SETLK, F_WRLCK, 15, 5) != 0) return 3;       // between the two
    if (lock(file, F_SETLK, F_RDLCK, 20, 10) != 0) return 4;      // shared with the other
    if (lock(file, F_SETLK, F_WRLCK, 20, 10) != -1) return 5;     // but not alone
    if (ask(file, F_RDLCK, 20, 10).l_type != F_UNLCK) return 6;
    return 0;
}
static int locks_all(int file) { return lock(file, F_SETLK, F_WRLCK, 0, 0) == 0 ? 0 : errno; }
static int flocks(int file) {
    int const other = open("/tmp/locked", O_RDWR);
    (void)file;
    return flock(other, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}
static void nothing(int number) { (void)number; }

int main(void) {
    mkdir("/tmp", 0777);
    int const file = open("/tmp/locked", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(file >= 0 && ftruncate(file, 100) == 0);
    CHECK(lock(file, F_SETLK, F_WRLCK, 10, 5) == 0 && lock(file, F_SETLK, F_RDLCK, 20, 30) == 0);
    CHECK(in_child(sees_parts, file) == 0);
    // A hole in the middle; what is left on both sides.
    CHECK(lock(file, F_SETLK, F_UNLCK, 30, 5) == 0);
    CHECK(in_child(locks_all, file) == EAGAIN);
    CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0 && in_child(locks_all, file) == 0);
    // Whatever descriptor is closed, the process's locks go.
    CHECK(lock(file, F_SETLK, F_WRLCK, 0, 0) == 0 && in_child(locks_all, file) == EAGAIN);
    close(open("/tmp/locked", O_RDONLY));
    CHECK(in_child(locks_all, file) == 0);
    // From the end, backwards.
    struct flock tail = {F_WRLCK, SEEK_END, 0, -10, 0};
    CHECK(fcntl(file, F_SETLK, &tail) == 0 && lock(file, F_SETLK, F_UNLCK, 0, 90) == 0);
    CHECK(in_child(locks_all, file) == EAGAIN && lock(file, F_SETLK, F_UNLCK, 90, 10) == 0);
    CHECK(in_child(locks_all, file) == 0);
    ERROR(lock(file, F_SETLK, F_WRLCK, -1, 5), EINVAL);
    int const reads = open("/tmp/locked", O_RDONLY);
    ERROR(lock(reads, F_SETLK, F_WRLCK, 0, 5), EBADF);
    ERROR(lock(99, F_SETLK, F_WRLCK, 0, 5), EBADF);

    // Waiting for a lock, and being interrupted in it.
    int ends[2];
    char byte = 0;
    CHECK(pipe(ends) == 0 && lock(file, F_SETLK, F_WRLCK, 0, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = nothing};
        sigaction(SIGALRM, &action, NULL);
        alarm(1);
        if (lock(file, F_SETLKW, F_WRLCK, 0, 1) != -1 || errno != EINTR) _exit(1);
        CHECK(write(ends[1], "x", 1) == 1);
        _exit(lock(file, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 5 : 2);
    }
    CHECK(read(ends[0], &byte, 1) == 1 && lock(file, F_SETLK, F_UNLCK, 0, 1) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);

    // flock's belong to the open file: a copy of the descriptor has it too, another opening does not.
    CHECK(flock(file, LOCK_EX) == 0 && flock(dup(file), LOCK_EX | LOCK_NB) == 0);
    CHECK(in_child(flocks, file) == EAGAIN && in_child(locks_all, file) == 0);
    CHECK(flock(file, LOCK_SH) == 0 && in_child(flocks, file) == EAGAIN);
    CHECK(flock(file, LOCK_UN) == 0 && in_child(flocks, file) == 0);
    ERROR(flock(file, 3), EINVAL);
    // fcntl's of an open file.
    CHECK(lock(file, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    ERROR(lock(reads, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
    CHECK(ask(reads, F_RDLCK, 5, 1).l_pid == -1 && close(dup(file)) == 0);
    ERROR(lock(reads, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
    CHECK(lock(file, F_OFD_SETLK, F_UNLCK, 5, 5) == 0 && lock(reads, F_OFD_SETLK, F_RDLCK, 5, 1) == 0);
    unlink("/tmp/locked");
    DONE;
}
