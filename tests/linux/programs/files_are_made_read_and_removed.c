// Files and directories, and their errors.
#define _GNU_SOURCE
#include "../check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int compare(void const* a, void const* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

int main(void) {
    char folder[] = "/tmp/filesXXXXXX";
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
    char cwd[100];
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, folder) == 0);
    umask(022);
    int f = open("a", O_CREAT | O_EXCL | O_RDWR, 0666);
    CHECK(f >= 0 && write(f, "hello world", 11) == 11);
    ERROR(open("a", O_CREAT | O_EXCL | O_RDWR, 0666), EEXIST);
    char text[64] = "";
    CHECK(lseek(f, 6, SEEK_SET) == 6 && read(f, text, 64) == 5 && memcmp(text, "world", 5) == 0);
    CHECK(pread(f, text, 5, 0) == 5 && memcmp(text, "hello", 5) == 0 && lseek(f, 0, SEEK_CUR) == 11);
    CHECK(pwrite(f, "HELLO", 5, 0) == 5 && read(f, text, 1) == 0);
    struct stat st;
    CHECK(fstat(f, &st) == 0 && st.st_size == 11 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0644);
    CHECK(ftruncate(f, 5) == 0 && fstat(f, &st) == 0 && st.st_size == 5);
    CHECK(lseek(f, 10000, SEEK_SET) == 10000 && write(f, "x", 1) == 1);
    CHECK(pread(f, text, 1, 9999) == 1 && text[0] == 0 && lseek(f, 0, SEEK_END) == 10001);
    struct iovec const parts[2] = {{"one", 3}, {"two", 3}};
    CHECK(writev(f, parts, 2) == 6 && pread(f, text, 6, 10001) == 6 && memcmp(text, "onetwo", 6) == 0);
    int g = open("a", O_WRONLY | O_APPEND);
    CHECK(g >= 0 && write(g, "end", 3) == 3 && fstat(f, &st) == 0 && st.st_size == 10010);
    ERROR(read(g, text, 1), EBADF);
    int d = dup(f);
    CHECK(d > g && lseek(d, 3, SEEK_SET) == 3 && lseek(f, 0, SEEK_CUR) == 3 && close(d) == 0);
    CHECK(dup2(f, 50) == 50 && fcntl(50, F_GETFD) == 0 && fcntl(50, F_SETFD, FD_CLOEXEC) == 0);
    CHECK(fcntl(50, F_GETFD) == FD_CLOEXEC && close(50) == 0 && (fcntl(f, F_GETFL) & O_ACCMODE) == O_RDWR);

    CHECK(link("a", "b") == 0 && stat("b", &st) == 0 && st.st_nlink == 2);
    CHECK(symlink("b", "s") == 0 && lstat("s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 1);
    memset(text, 0, sizeof(text));
    CHECK(readlink("s", text, 64) == 1 && text[0] == 'b' && stat("s", &st) == 0 && st.st_size == 10010);
    CHECK(unlink("a") == 0 && access("s", F_OK) == 0 && unlink("b") == 0);
    ERROR(stat("s", &st), ENOENT);
    CHECK(fstat(f, &st) == 0 && st.st_nlink == 0 && pread(f, text, 5, 0) == 5);
    CHECK(mkdir("dir", 0777) == 0 && mkdir("dir/in", 0700) == 0);
    ERROR(mkdir("dir", 0777), EEXIST);
    ERROR(rmdir("dir"), ENOTEMPTY);
    ERROR(unlink("dir"), EISDIR);
    ERROR(rmdir("s"), ENOTDIR);
    ERROR(open("dir", O_WRONLY), EISDIR);
    ERROR(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
    ERROR(open("s/x", O_RDONLY), ENOENT);
    ERROR(rename("dir", "dir/in/x"), EINVAL);
    ERROR(rename("none", "x"), ENOENT);
    ERROR(open("", O_RDONLY), ENOENT);
    ERROR(close(77), EBADF);
    ERROR(lseek(f, -1, SEEK_SET), EINVAL);
    ERROR(symlink("x", "s"), EEXIST);
    CHECK(symlink("loop", "loop") == 0);
    ERROR(open("loop", O_RDONLY), ELOOP);
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    ERROR(open(name, O_RDONLY | O_CREAT, 0600), ENAMETOOLONG);
    CHECK(rename("dir/in", "moved") == 0 && stat("moved", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK((st.st_mode & 0777) == 0700 && chmod("moved", 0751) == 0 && stat("moved", &st) == 0);
    CHECK((st.st_mode & 0777) == 0751);

    for (int i = 0; i < 300; ++i) {
        sprintf(name, "dir/file%d", i);
        int const made = open(name, O_CREAT | O_WRONLY, 0600);
        CHECK(made >= 0 && close(made) == 0);
    }
    DIR* list = opendir("dir");
    CHECK(list != NULL);
    char* names[400];
    int count = 0;
    for (struct dirent* entry; (entry = readdir(list)) != NULL;) names[count++] = strdup(entry->d_name);
    closedir(list);
    qsort(names, (size_t)count, sizeof(*names), compare);
    CHECK(count == 302);
    printf("%s %s %s %s\n", names[0], names[1], names[2], names[301]);
    for (int i = 0; i < 300; ++i) {
        sprintf(name, "dir/file%d", i);
        CHECK(unlink(name) == 0);
    }
    CHECK(rmdir("dir") == 0 && rmdir("moved") == 0 && unlink("s") == 0 && unlink("loop") == 0);

    // A write far behind the end takes room for itself only.
    f = open("holes", O_CREAT | O_RDWR, 0600);
    off_t const far = (off_t)1 << 40;
    CHECK(pwrite(f, "far", 3, far) == 3 && pread(f, text, 3, far) == 3 && memcmp(text, "far", 3) == 0);
    CHECK(pread(f, text, 3, far / 2) == 3 && text[0] == 0 && fstat(f, &st) == 0 && st.st_size == far + 3);
    CHECK(close(f) == 0 && unlink("holes") == 0);

    // Files in memory: private pages are the program's, shared ones the file's.
    f = open("m", O_CREAT | O_RDWR, 0600);
    char block[8192];
    memset(block, 'm', sizeof(block));
    CHECK(write(f, block, sizeof(block)) == sizeof(block));
    char* private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
    char* shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
    CHECK(private != MAP_FAILED && shared != MAP_FAILED && private[5000] == 'm' && shared[100] == 'm');
    private[0] = 'p';
    shared[1] = 's';
    CHECK(pread(f, text, 2, 0) == 2 && text[0] == 'm' && text[1] == 's' && shared[0] == 'm');
    CHECK(pwrite(f, "z", 1, 2) == 1 && shared[2] == 'z');
    CHECK(msync(shared, 8192, MS_SYNC) == 0 && munmap(private, 8192) == 0 && munmap(shared, 8192) == 0);
    close(f);
    ERROR(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open("m", O_RDONLY), 0), EACCES);
    CHECK(unlink("m") == 0);

    f = open("/dev/zero", O_RDONLY);
    CHECK(f >= 0 && read(f, text, 4) == 4 && text[3] == 0);
    ERROR(write(open("/dev/full", O_WRONLY), "x", 1), ENOSPC);
    CHECK(write(open("/dev/null", O_WRONLY), "x", 1) == 1 && read(open("/dev/null", O_RDONLY), text, 1) == 0);
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
    DONE;
}
