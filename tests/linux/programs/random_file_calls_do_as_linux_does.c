// Random calls on files and names: what each answers, and what is there afterwards. To see where two systems
// part, give it the first seed, how many, and the calls for each.
#define _GNU_SOURCE
#include "../random.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char const* path(void) {
    static char const* const paths[] = {"a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "d/e/b", "l", "d/l", "e",
                                        "e/a", "e/d", "./a", "d/../b", "d/.", "d/..", "a/", "d/", "l/", "a/x", "l/a",
                                        "e/../d/a", "e/..//d/b", "", ".", ".."};
    return ONE_OF(paths);
}
// What a link may point to: not out of here, and no link with a slash behind, which O_CREAT looks at first.
static int is_plain(char const* name) { return !strstr(name, "..") && (!*name || name[strlen(name) - 1] != '/'); }
enum { DESCRIPTORS = 8 };
static int files[DESCRIPTORS], ends[2];
static int file(void) { return files[below(DESCRIPTORS)]; }
static char buffer[20000];

static void says(char const* call, long result) {
    if (result < 0) {
        say("%s: %s\n", call, error_name());
    } else {
        say("%s: %ld\n", call, result);
    }
}
static void show(char const* call, long result, struct stat const* s) {
    says(call, result);
    if (result == 0) {
        say("  %o %lu %ld\n", s->st_mode, (unsigned long)s->st_nlink,
               S_ISDIR(s->st_mode) ? 0 : (long)s->st_size);
    }
}
static void show_bytes(char const* call, long result) {
    says(call, result);
    show_bytes_of(buffer, result);
}
static void put(int got) {  // a new descriptor, in a random place
    int* const place = &files[below(DESCRIPTORS)];
    if (got >= 0) {
        close(*place);
        *place = got;
    }
    says("descriptor", got < 0 ? got : 0);
}
static void fill(unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) buffer[i] = (char)next();
}

static void list(char const* name) {
    DIR* const directory = opendir(name);
    char* names[100];
    int count = 0;
    says("opendir", directory ? 0 : -1);
    if (!directory) return;
    for (struct dirent* entry; (entry = readdir(directory)) != NULL && count < 100;) {
        snprintf(buffer, 300, "%s %d", entry->d_name, entry->d_type);
        names[count++] = strdup(buffer);
    }
    closedir(directory);
    for (int i = 0; i < count; ++i) {  // in order
        int least = i;
        for (int j = i + 1; j < count; ++j) least = strcmp(names[j], names[least]) < 0 ? j : least;
        char* const name_of = names[least];
        names[least] = names[i];
        say("  %s\n", name_of);
        free(name_of);
    }
}

static void change_names(void) {
    char const* const one = path();
    char const* const other = path();
    say("%s %s ", one, other);
    switch (below(14)) {
        case 0: says("mkdir", mkdir(one, below(01000))); break;
        case 1: says("rmdir", rmdir(one)); break;
        case 2: says("unlink", unlink(one)); break;
        case 3: case 4: says("rename", rename(one, other)); break;
        case 5: says("noreplace", syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 1)); break;
        case 6: says("exchange", syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2)); break;
        case 7: says("link", link(one, other)); break;
        case 8: says("linkat", linkat(AT_FDCWD, one, AT_FDCWD, other, AT_SYMLINK_FOLLOW)); break;
        case 9: says("symlink", symlink(is_plain(other) ? other : "e", one)); break;
        case 10: says("mknod", mknod(one, below(2) ? S_IFIFO | 0600 : S_IFREG | 0640, 0)); break;
        case 11: says("chmod", chmod(one, below(010000))); break;
        case 12: says("truncate", truncate(one, below(10000))); break;
        default: says("unlinkat", unlinkat(AT_FDCWD, one, AT_REMOVEDIR)); break;
    }
}

static void look_at_names(void) {
    struct stat s;
    char const* const one = path();
    say("%s ", one);
    switch (below(7)) {
        case 0: show("stat", stat(one, &s), &s); break;
        case 1: show("lstat", lstat(one, &s), &s); break;
        case 2: show_bytes("readlink", readlink(one, buffer, 1 + below(100))); break;
        case 3: says("access", access(one, (int)below(8))); break;
        case 4: list(one); break;
        case 5: {
            int const all[] = {O_RDONLY | O_DIRECTORY, O_PATH, O_PATH | O_NOFOLLOW};
            int const from = open(one, ONE_OF(all));
            says("from", from < 0 ? from : 0);
            show("fstatat", fstatat(from, path(), &s, below(2) ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH), &s);
            close(from);
            break;
        }
        default: {
            int const flags[] = {0, O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_CREAT | O_TRUNC, O_APPEND,
                                 O_CREAT | O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_CREAT | O_NOFOLLOW};
            int const modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
            put(open(one, ONE_OF(flags) | ONE_OF(modes) | O_NONBLOCK, 0600 | below(0200)));
        }
    }
}

static void use_descriptors(void) {
    int const one = file();
    unsigned const bytes = below(6000);
    off_t from = below(9000), to = below(9000);
    struct stat s;
    switch (below(17)) {
        case 0: case 1: fill(bytes); says("write", write(one, buffer, bytes)); break;
        case 2: case 3: show_bytes("read", read(one, buffer, bytes)); break;
        case 4: fill(bytes); says("pwrite", pwrite(one, buffer, bytes, from)); break;
        case 5: show_bytes("pread", pread(one, buffer, bytes, from)); break;
        case 6: says("lseek", lseek(one, (off_t)below(9000) - 3000, (int)below(3))); break;
        case 7: says("ftruncate", ftruncate(one, below(12000))); break;
        case 8: show("fstat", fstat(one, &s), &s); break;
        case 9: put(dup(one)); break;
        case 10: says("append", fcntl(one, F_SETFL, below(2) ? O_APPEND | O_NONBLOCK : O_NONBLOCK)); break;
        case 11: says("flags", fcntl(one, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)); break;
        case 12: says("fallocate", fallocate(one, below(2) ? FALLOC_FL_KEEP_SIZE : 0, from, bytes)); break;
        case 13: says("copy", copy_file_range(one, below(2) ? &from : NULL, file(), below(2) ? &to : NULL, bytes, 0));
            break;
        case 14:
            says("sendfile", sendfile(ends[1], one, below(2) ? &from : NULL, bytes));
            show_bytes("from the pipe", read(ends[0], buffer, sizeof(buffer)));
            break;
        case 15: {
            struct iovec parts[3] = {{buffer, below(100)}, {buffer + 500, 0}, {buffer + 1000, below(3000)}};
            fill(4000);
            says("writev", writev(one, parts, 3));
            break;
        }
        default: {
            char* const map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, below(2) ? MAP_SHARED : MAP_PRIVATE, one, 0);
            says("mmap", map == MAP_FAILED ? -1 : 0);
            if (map == MAP_FAILED) break;
            if (fstat(one, &s) == 0 && s.st_size > (off_t)bytes) {
                map[bytes] = (char)next();
                memcpy(buffer, map + bytes / 4096 * 4096, 4096);
                show_bytes("mapped", s.st_size < 4096 ? (long)s.st_size : 4096);
            }
            munmap(map, 8192);
        }
    }
}

int main(int count, char** words) {
    struct span const span = parse_span(count, words, 2000);
    CHECK(pipe2(ends, O_NONBLOCK) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    for (uint64_t seed = span.first; seed < span.end; ++seed) {
        state = seed;
        char folder[] = "/dev/shm/random.XXXXXX", command[64];
        CHECK(mkdtemp(folder) && chdir(folder) == 0 && mkdir("top", 0755) == 0 && chdir("top") == 0);
        for (int i = 0; i < DESCRIPTORS; ++i) files[i] = open(i % 2 ? "a" : "b", O_RDWR | O_CREAT, 0644);
        umask(022);
        for (int i = 0; i < span.calls; ++i) {
            begin_call(seed, i);
            switch (below(3)) {
                case 0: change_names(); break;
                case 1: look_at_names(); break;
                default: use_descriptors();
            }
        }
        for (int i = 0; i < DESCRIPTORS; ++i) close(files[i]);
        list("."), list("d"), list("e"), list("d/e");
        end_seed(seed);
        snprintf(command, sizeof(command), "rm -rf %s", folder);
        CHECK(chdir("/") == 0 && system(command) == 0);
    }
    DONE;
}
