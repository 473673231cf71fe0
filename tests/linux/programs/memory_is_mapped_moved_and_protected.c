// mmap and its kin, and their errors.
#define _GNU_SOURCE
#include "../check.h"
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

int main(void) {
    char* a = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(a != MAP_FAILED);
    for (int i = 0; i < 4 * PAGE; ++i) CHECK(a[i] == 0);
    memset(a, 7, 4 * PAGE);
    CHECK(munmap(a + PAGE, PAGE) == 0);
    char* b = mmap(a + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(b == a + PAGE && b[0] == 0 && a[0] == 7 && a[2 * PAGE] == 7);
    b[5] = 9;
    CHECK(mprotect(a, 2 * PAGE, PROT_READ) == 0 && b[5] == 9);
    CHECK(mprotect(a, 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
    b[5] = 10;
    CHECK(mprotect(a, PAGE, PROT_NONE) == 0 && mprotect(a, PAGE, PROT_READ) == 0 && a[0] == 7);
    char* c = mremap(a, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(c == MAP_FAILED && errno == EFAULT);  // two mappings by now
    c = mremap(a + 2 * PAGE, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(c != MAP_FAILED && c[0] == 7 && c[2 * PAGE - 1] == 7 && c[63 * PAGE] == 0);
    CHECK(mremap(c, 64 * PAGE, 2 * PAGE, 0) == c);
    memset(c, 3, 2 * PAGE);
    CHECK(madvise(c, PAGE, MADV_DONTNEED) == 0 && c[0] == 0 && c[PAGE] == 3);

    ERROR(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    ERROR(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    ERROR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
    ERROR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 0, 1), EINVAL);
    ERROR(mmap((void*)1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    ERROR(mmap(c, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    ERROR(mmap(NULL, (size_t)1 << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    ERROR(munmap(c + 1, PAGE), EINVAL);
    ERROR(munmap(c, 0), EINVAL);
    ERROR(syscall(SYS_mprotect, c + 1, PAGE, PROT_READ), EINVAL);  // musl rounds
    ERROR(mprotect((void*)(16 * PAGE), PAGE, PROT_READ), ENOMEM);
    ERROR(mremap(c, PAGE, 0, 0), EINVAL);
    ERROR(mremap(c, PAGE, PAGE, 0x80), EINVAL);
    ERROR(madvise(c + 1, PAGE, MADV_DONTNEED), EINVAL);

    // Large reservations cost nothing.
    char* large = mmap(NULL, (size_t)64 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(large != MAP_FAILED);
    CHECK(mprotect(large + ((size_t)32 << 30), PAGE, PROT_READ | PROT_WRITE) == 0);
    large[(size_t)32 << 30] = 1;
    CHECK(munmap(large, (size_t)64 << 30) == 0);

    unsigned char seen[4];
    CHECK(mincore(c, 2 * PAGE, seen) == 0 && (seen[1] & 1) == 1);

    char* top = (char*)syscall(SYS_brk, 0);
    top = (char*)(((long)top + PAGE - 1) & -(long)PAGE);
    CHECK(syscall(SYS_brk, top + 3 * PAGE) == (long)top + 3 * PAGE && top[0] == 0);
    memset(top, 1, 3 * PAGE);
    CHECK(syscall(SYS_brk, top) == (long)top && syscall(SYS_brk, 0) == (long)top);
    CHECK(syscall(SYS_brk, top + PAGE) == (long)top + PAGE && top[PAGE - 1] == 0);

    // Code that is written and then run.
    unsigned char* code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);  // mov $42, %eax; ret
    CHECK(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0);
    CHECK(((int (*)(void))code)() == 42);
    unsigned char* both =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; ++i) {
        memcpy(both, "\xb8\x2a\x00\x00\x00\xc3", 6);
        both[1] = (unsigned char)i;
        CHECK(((int (*)(void))both)() == i);
    }
    DONE;
}
