// Random calls on a window of memory: what each answers, and what each page is afterwards. To see where two
// systems part, give it the first seed, how many, and the calls for each.
#define _GNU_SOURCE
#include "../random.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PAGE = 4096, PAGES = 32, FILE_PAGES = 12 };
static char* window;
static int ends[2], file, read_only;

static void says(char const* call, long result) {
    if (result == -1) {
        say("%s: %s\n", call, error_name());
    } else {
        say("%s: %ld\n", call, result);
    }
}
// Where in the window something is, or how it failed.
static void says_where(char const* call, void* result) {
    if (result == MAP_FAILED) {
        says(call, -1);
    } else {
        long const at = (char*)result - window;
        says(call, at >= 0 && at < PAGES * PAGE ? at / PAGE : 1000);
    }
}

// One sign for each page: '-' cannot be read; else its first byte as a letter, a capital if it can be written.
static void show_pages(void) {
    char signs[PAGES + 1] = {0};
    for (int i = 0; i < PAGES; ++i) {
        char* const at = window + i * PAGE;
        char byte;
        if (write(ends[1], at, 1) != 1) {
            signs[i] = errno == EFAULT ? '-' : '?';
            continue;
        }
        int const writable = read(ends[0], at, 1) == 1;
        if (!writable) CHECK(errno == EFAULT && read(ends[0], &byte, 1) == 1);
        signs[i] = (char)((writable ? 'A' : 'a') + (unsigned char)*(volatile char*)at % 26);
    }
    say("  %s\n", signs);
}
// Written by the system, so that what cannot be written is only refused.
static void write_page(int page, int offset) {
    char const byte = (char)next();
    CHECK(write(ends[1], &byte, 1) == 1);
    int const done = (int)read(ends[0], window + page * PAGE + offset, 1);
    say("write %d: %d\n", page, done);
    char left;
    if (done != 1) CHECK(read(ends[0], &left, 1) == 1);
}

static void one_call(void) {
    static int const protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
                                      PROT_READ | PROT_EXEC, PROT_WRITE};
    int const page = (int)below(PAGES), pages = 1 + (int)below((unsigned)(PAGES - page > 12 ? 12 : PAGES - page));
    char* const at = window + page * PAGE;
    size_t const bytes = (size_t)pages * PAGE;
    int const protection = ONE_OF(protections);
    switch (below(15)) {
        case 0: case 1:
            says_where("anonymous", mmap(at, bytes, protection, MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE, -1, 0));
            break;
        case 2:
            says_where("noreplace",
                       mmap(at, bytes, protection, MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_PRIVATE, -1, 0));
            break;
        case 3:
            says_where("shared", mmap(at, bytes, protection, MAP_FIXED | MAP_ANONYMOUS | MAP_SHARED, -1, 0));
            break;
        case 4: case 5: {
            int const flags = MAP_FIXED | (below(2) ? MAP_SHARED : MAP_PRIVATE);
            int const first = (int)below(FILE_PAGES);
            int const fit = pages < FILE_PAGES - first ? pages : FILE_PAGES - first;  // beyond it: SIGBUS
            says_where("file", mmap(at, (size_t)fit * PAGE, protection, flags, below(4) ? file : read_only,
                                    (off_t)first * PAGE));
            break;
        }
        case 6: case 7: says("munmap", munmap(at, bytes)); break;
        case 8: case 9: says("mprotect", mprotect(at, bytes, protection)); break;
        case 10: {  // one page: what lies in several mappings moves only on new systems
            int const target = (int)below(PAGES), wanted = 1 + (int)below((unsigned)(PAGES - target));
            says_where("mremap fixed", mremap(at, PAGE, (size_t)wanted * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                                              window + target * PAGE));
            break;
        }
        case 11: {
            int const wanted = 1 + (int)below((unsigned)(PAGES - page));
            says_where("mremap", mremap(at, PAGE, (size_t)wanted * PAGE, 0));
            break;
        }
        case 12: says("dontneed", madvise(at, bytes, MADV_DONTNEED)); break;
        case 13: {
            fflush(stdout);
            pid_t const child = fork();
            CHECK(child >= 0);
            if (child == 0) {  // its own pages are its own; shared ones are not
                is_full = 0;
                for (int i = 0; i < 6; ++i) write_page((int)below(PAGES), (int)below(2));
                show_pages();
                _exit((int)(summed & 0x7f));
            }
            int status;
            CHECK(waitpid(child, &status, 0) == child);
            says("fork", status);
            for (int i = 0; i < 24; ++i) (void)next();
            break;
        }
        default: {
            char letters[4] = {0};
            says("pread", pread(file, letters, 3, (off_t)below(FILE_PAGES) * PAGE));
            say("  %02x\n", letters[0] & 0xff);
        }
    }
    for (int i = 0; i < 3; ++i) write_page((int)below(PAGES), (int)below(2));
}

int main(int count, char** words) {
    struct span const span = parse_span(count, words, 600);
    CHECK(pipe(ends) == 0);
    window = mmap(NULL, (PAGES + 64) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(window != MAP_FAILED);
    for (uint64_t seed = span.first; seed < span.end; ++seed) {
        char name[] = "/tmp/random.XXXXXX";
        state = seed;
        file = mkstemp(name);
        read_only = open(name, O_RDONLY);
        CHECK(file >= 0 && read_only >= 0 && unlink(name) == 0 && ftruncate(file, FILE_PAGES * PAGE) == 0);
        CHECK(mmap(window, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
              window);
        for (int i = 0; i < span.calls; ++i) {
            begin_call(seed, i);
            one_call();
            show_pages();
        }
        close(file);
        close(read_only);
        end_seed(seed);
    }
    DONE;
}
