// Every argument that points somewhere, pointing nowhere.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

int main(void) {
    char* const guard = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(guard, 4096, PROT_READ | PROT_WRITE) == 0);
    void* const bad[] = {(void*)8, guard + 4096, (void*)0xffff800000000000, (void*)0x7fffffffffff,
                         (void*)0x8000000000000000, (void*)-4096};
    int const zero = open("/dev/zero", O_RDWR);
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "0123456789", 10) == 10);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); ++i) {
        void* const p = bad[i];
        ERROR(syscall(SYS_read, zero, p, 16), EFAULT);
        ERROR(syscall(SYS_write, ends[1], p, 16), EFAULT);
        ERROR(syscall(SYS_readv, zero, p, 2), EFAULT);
        ERROR(syscall(SYS_open, p, O_RDONLY), EFAULT);
        ERROR(syscall(SYS_openat, AT_FDCWD, p, O_RDONLY), EFAULT);
        ERROR(syscall(SYS_stat, "/", p), EFAULT);
        ERROR(syscall(SYS_stat, p, guard), EFAULT);
        ERROR(syscall(SYS_fstat, zero, p), EFAULT);
        ERROR(syscall(SYS_newfstatat, AT_FDCWD, "/", p, 0), EFAULT);
        ERROR(syscall(SYS_statx, AT_FDCWD, "/", 0, 0xfff, p), EFAULT);
        ERROR(syscall(SYS_pipe, p), EFAULT);
        ERROR(syscall(SYS_getcwd, p, 100), EFAULT);
        ERROR(syscall(SYS_uname, p), EFAULT);
        ERROR(syscall(SYS_clock_gettime, 0, p), EFAULT);
        ERROR(syscall(SYS_nanosleep, p, NULL), EFAULT);
        ERROR(syscall(SYS_rt_sigaction, 10, p, NULL, 8), EFAULT);
        ERROR(syscall(SYS_rt_sigaction, 10, NULL, p, 8), EFAULT);
        ERROR(syscall(SYS_rt_sigprocmask, 0, p, NULL, 8), EFAULT);
        ERROR(syscall(SYS_poll, p, 1, 0), EFAULT);
        ERROR(syscall(SYS_select, 1, p, NULL, NULL, NULL), EFAULT);
        ERROR(syscall(SYS_execve, p, NULL, NULL), EFAULT);
        ERROR(syscall(SYS_mkdir, p, 0777), EFAULT);
        ERROR(syscall(SYS_rename, "/tmp", p), EFAULT);
        ERROR(syscall(SYS_readlink, "/proc/self/exe", p, 100), EFAULT);
        ERROR(syscall(SYS_getrandom, p, 16, 0), EFAULT);
        ERROR(syscall(SYS_prlimit64, 0, 7, NULL, p), EFAULT);
        ERROR(syscall(SYS_sysinfo, p), EFAULT);
        ERROR(syscall(SYS_set_robust_list, p, 3), EINVAL);
        ERROR(syscall(SYS_futex, (long)p & ~3l, 0, 0, NULL), EFAULT);
    }
    // What is refused leaves no trace: an empty message would be one.
    int pair[2];
    char byte;
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
    ERROR(syscall(SYS_write, pair[0], bad[0], 10), EFAULT);
    ERROR(recv(pair[1], &byte, 1, MSG_DONTWAIT), EAGAIN);
    ERROR(syscall(SYS_write, 99, bad[0], 10), EBADF);
    ERROR(syscall(SYS_read, ends[1], bad[0], 10), EBADF);
    // Across the border: what is there counts up to it.
    ERROR(syscall(SYS_stat, "/", guard + 4096 - 8), EFAULT);
    memset(guard, 'x', 4096);
    ERROR(syscall(SYS_open, guard, O_RDONLY), ENAMETOOLONG);
    ERROR(syscall(SYS_open, guard + 4000, O_RDONLY), EFAULT);
    DONE;
}
