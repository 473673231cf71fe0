// Every call on memory, with what it must refuse.
#define _GNU_SOURCE
#include "../says.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

enum {  // musl has no <linux/futex.h>
    FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10
};

int main(void) {
    void* const nowhere = (void*)8;
    char* const pages = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && munmap(pages + 3 * 4096, 4096) == 0);  // the fourth is a hole
    char* const hole = pages + 3 * 4096;
    int const anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    int const both = PROT_READ | PROT_WRITE;
    int const no_file = 99;
    char name[] = "/tmp/refusals.XXXXXX";
    int const file = mkstemp(name);
    int const reading = open(name, O_RDONLY);
    int const writing = open(name, O_WRONLY);
    int const directory = open("/tmp", O_RDONLY);
    int ends[2];
    CHECK(file >= 0 && reading >= 0 && writing >= 0 && directory >= 0 && pipe(ends) == 0);

    SAYS(mmap, NULL, 0l, both, anonymous, -1l, 0l);
    SAYS(mmap, NULL, -1l, both, anonymous, -1l, 0l);
    SAYS(mmap, NULL, 1l << 47, both, anonymous, -1l, 0l);
    SAYS(mmap, NULL, 4096l, both, MAP_ANONYMOUS, -1l, 0l);
    SAYS(mmap, NULL, 4096l, both, MAP_PRIVATE, -1l, 0l);
    SAYS(mmap, NULL, 4096l, both, MAP_PRIVATE, no_file, 0l);
    SAYS(mmap, NULL, 4096l, both, MAP_PRIVATE, file, 1l);
    SAYS(mmap, NULL, 4096l, both, MAP_PRIVATE, file, -4096l);
    SAYS(mmap, NULL, 4096l, both, MAP_SHARED, reading, 0l);
    SAYS(mmap, NULL, 4096l, PROT_READ, MAP_SHARED, writing, 0l);
    SAYS(mmap, NULL, 4096l, PROT_READ, MAP_PRIVATE, writing, 0l);
    SAYS(mmap, NULL, 4096l, PROT_READ, MAP_PRIVATE, directory, 0l);
    SAYS(mmap, NULL, 4096l, PROT_READ, MAP_PRIVATE, ends[0], 0l);
    SAYS(mmap, pages + 1, 4096l, both, anonymous | MAP_FIXED, -1l, 0l);
    SAYS(mmap, pages, 4096l, both, anonymous | MAP_FIXED_NOREPLACE, -1l, 0l);
    SAYS(mmap, 1l << 47, 4096l, both, anonymous | MAP_FIXED, -1l, 0l);
    SAYS(mmap, -4096l, 4096l, both, anonymous | MAP_FIXED, -1l, 0l);
    SAYS(munmap, pages + 1, 4096l);
    SAYS(munmap, pages, 0l);
    SAYS(munmap, pages, -1l);
    SAYS(munmap, 1l << 47, 4096l);
    SAYS(munmap, hole, 4096l);
    SAYS(mprotect, pages + 1, 4096l, PROT_READ);
    SAYS(mprotect, hole, 4096l, PROT_READ);
    SAYS(mprotect, pages + 2 * 4096, 2 * 4096l, both);
    SAYS(mprotect, pages, 4096l, 0x70);
    SAYS(mprotect, pages, 0l, PROT_READ);
    SAYS(mprotect, pages, -1l, PROT_READ);
    SAYS(mprotect, 1l << 47, 4096l, PROT_READ);
    SAYS(mremap, pages + 1, 4096l, 4096l, 0l);
    SAYS(mremap, pages, 4096l, 0l, 0l);
    SAYS(mremap, pages, 4096l, 1l << 47, MREMAP_MAYMOVE);
    SAYS(mremap, pages, 4096l, 8192l, 77l);
    SAYS(mremap, pages, 4096l, 8192l, MREMAP_FIXED, pages);
    SAYS(mremap, pages, 4096l, 4096l, MREMAP_FIXED | MREMAP_MAYMOVE, pages + 1);
    SAYS(mremap, pages, 2 * 4096l, 2 * 4096l, MREMAP_FIXED | MREMAP_MAYMOVE, pages + 4096);
    SAYS(mremap, hole, 4096l, 8192l, MREMAP_MAYMOVE);
    SAYS(mremap, pages, 4096l, 8192l, 0l);
    SAYS(mremap, pages + 2 * 4096, 2 * 4096l, 4 * 4096l, MREMAP_MAYMOVE);
    SAYS(madvise, pages + 1, 4096l, MADV_DONTNEED);
    SAYS(madvise, pages, 4096l, 777l);
    SAYS(madvise, hole, 4096l, MADV_DONTNEED);
    SAYS(madvise, pages, -1l, MADV_DONTNEED);
    SAYS(madvise, pages, 0l, MADV_DONTNEED);
    SAYS(madvise, hole, 4096l, MADV_WILLNEED);
    SAYS(msync, pages + 1, 4096l, MS_SYNC);
    SAYS(msync, pages, 4096l, 77l);
    SAYS(msync, pages, 4096l, MS_SYNC | MS_ASYNC);
    SAYS(msync, hole, 4096l, MS_SYNC);
    SAYS(msync, hole, 0l, MS_SYNC);
    SAYS(mincore, pages + 1, 4096l, name);
    SAYS(mincore, hole, 4096l, name);
    SAYS(mincore, pages, 4096l, nowhere);
    SAYS(mincore, 1l << 47, 4096l, name);
    SAYS(mlock, hole, 4096l);
    SAYS(mlock, pages, -1l);
    SAYS(mlock, pages + 1, 4096l);
    SAYS(mlock2, pages, 4096l, 77l);
    SAYS(mlock2, hole, 4096l, 0l);
    SAYS(munlock, hole, 4096l);
    SAYS(munlock, pages, -1l);
    SAYS(munlock, pages, 4096l);
    SAYS(mlockall, 0l);
    SAYS(mlockall, 77l);
    SAYS(munlockall);
    SAYS(membarrier, 0x777l, 0l, 0l);
    SAYS(membarrier, 0l, 77l, 0l);
    SAYS(memfd_create, "m", 0x80l);
    SAYS(getrandom, name, 1l, 0x77l);
    SAYS(getrandom, name, 0l, 0l);
    SAYS(arch_prctl, 0x777l, 0l);
    SAYS(arch_prctl, 0x1003l, nowhere);
    SAYS(arch_prctl, 0x1002l, 1ul << 63);
    static int word = 1;
    struct timespec bad = {0, 2000000000}, negative = {-1, 0}, zero = {0, 0};
    SAYS(futex, &word, FUTEX_WAIT, 0l, NULL);
    SAYS(futex, &word, FUTEX_WAIT, 1l, &bad);
    SAYS(futex, &word, FUTEX_WAIT, 1l, &negative);
    SAYS(futex, &word, FUTEX_WAIT, 1l, &zero);
    SAYS(futex, &word, FUTEX_WAIT, 1l, nowhere);
    SAYS(futex, (char*)&word + 1, FUTEX_WAIT, 1l, &zero);
    SAYS(futex, (char*)&word + 1, FUTEX_WAKE, 1l, NULL);
    SAYS(futex, &word, FUTEX_WAIT_BITSET, 1l, &zero, NULL, 0l);
    SAYS(futex, &word, FUTEX_WAKE_BITSET, 1l, NULL, NULL, 0l);
    SAYS(futex, &word, FUTEX_CMP_REQUEUE, 1l, 1l, &word, 0l);
    SAYS(futex, &word, FUTEX_REQUEUE, -1l, 1l, &word, 0l);
    SAYS(futex, &word, FUTEX_REQUEUE, 1l, 1l, nowhere, 0l);
    SAYS(futex, &word, FUTEX_CMP_REQUEUE, 1l, -1l, &word, 1l);
    SAYS(futex, &word, FUTEX_WAKE_OP, 1l, 1l, nowhere, 0l);
    SAYS(futex, &word, FUTEX_WAKE_OP, 1l, 1l, &word, 0x70000000l);
    SAYS(futex, &word, 77l, 1l, NULL);
    SAYS(set_robust_list, &word, 3l);
    SAYS(get_robust_list, 1000000l, &word, &word);
    SAYS(get_robust_list, 0l, nowhere, nowhere);
    CHECK(unlink(name) == 0);
    DONE;
}
