// A tree of forks inside forks: every node says which it is.
// console: ....: I am ''
// console: ....: I am '0'
// console: ....: I am '1'
// console: ....: I am '000'
// console: ....: I am '101'
// console: ....: I am '111'
#include <inc/lib.h>

#define DEPTH 3

void tree(const char *path);

void branch(const char *path, char step) {
    char next[DEPTH + 1];
    if (strlen(path) >= DEPTH) {
        return;
    }
    snprintf(next, DEPTH + 1, "%s%c", path, step);
    envid_t child = fork();
    if (child < 0) {
        panic("fork: %e", child);
    }
    if (child == 0) {
        tree(next);
        exit();
    }
}

void tree(const char *path) {
    cprintf("%04x: I am '%s'\n", sys_getenvid(), path);
    branch(path, '0');
    branch(path, '1');
}

void umain(int argc, char **argv) { tree(""); }
