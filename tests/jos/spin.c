// A child that never gives the processor up is preempted and ended.
// console: I am the child
// console: \[00001000\] destroying 00001001
// console: free env 00001001
// console: \[00001000\] free env 00001000
#include <inc/lib.h>

void umain(int argc, char **argv) {
    cprintf("I am the parent.  Forking the child...\n");
    envid_t child = fork();
    if (child == 0) {
        cprintf("I am the child.  Spinning...\n");
        while (1) {
        }
    }
    cprintf("I am the parent.  Running the child...\n");
    for (int i = 0; i < 8; i++) {
        sys_yield();
    }
    cprintf("I am the parent.  Killing the child...\n");
    sys_env_destroy(child);
}
