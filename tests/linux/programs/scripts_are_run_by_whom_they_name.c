// exec of scripts: what their first lines may look like, and what is made of the arguments.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char own_path[200];

static void make(char const* name, char const* line) {
    char text[600];
    int const bytes = snprintf(text, sizeof(text), line, own_path);
    int const file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    CHECK(file >= 0 && write(file, text, (size_t)bytes) == bytes && close(file) == 0);
}

// This program is the interpreter, and finds all its arguments, joined, in its environment.
static void expect(char const* script, char const* arguments) {
    char expected[1000];
    snprintf(expected, sizeof(expected), "EXPECTED=%s|%s", own_path, arguments);
    pid_t const child = fork();
    if (child == 0) {
        char* words[] = {"ignored", "last", NULL};
        char* variables[] = {expected, NULL};
        execve(script, words, variables);
        _exit(errno);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) != 99) {
        printf("%s: %d\n", script, WEXITSTATUS(status));
    }
    CHECK(WEXITSTATUS(status) == 99);
}

int main(int count, char** words) {
    char const* const expected = getenv("EXPECTED");
    if (expected != NULL) {
        char all[1000] = "";
        for (int i = 0; i < count; ++i) {
            strcat(strcat(all, i > 0 ? "|" : ""), words[i]);
        }
        return strcmp(all, expected) == 0 ? 99 : 98;
    }
    CHECK(readlink("/proc/self/exe", own_path, sizeof(own_path) - 1) > 0);

    make("/tmp/script", "#!%s\nand more\n");
    expect("/tmp/script", "/tmp/script|last");
    make("/tmp/script", "#!%s one  two \n");
    expect("/tmp/script", "one  two|/tmp/script|last");
    make("/tmp/script", "#! \t%s \t\n");
    expect("/tmp/script", "/tmp/script|last");
    // The line ends with the file.
    make("/tmp/a_script_whose_only_line_does_not_end_and_whose_name_is_longer", "#!%s");
    expect("/tmp/a_script_whose_only_line_does_not_end_and_whose_name_is_longer",
           "/tmp/a_script_whose_only_line_does_not_end_and_whose_name_is_longer|last");
    // A script that is run by a script.
    make("/tmp/second", "#!/tmp/script\n");
    expect("/tmp/second", "/tmp/script|/tmp/second|last");
    CHECK(unlink("/tmp/script") == 0 && unlink("/tmp/second") == 0);
    CHECK(unlink("/tmp/a_script_whose_only_line_does_not_end_and_whose_name_is_longer") == 0);
    DONE;
}
