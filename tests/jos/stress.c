// Many environments that yield and compute at once, preempted, on several processors.
// processors: 4
// console: \[0000....\] stress on CPU \d
// console: the count is 200000
// never: processors at once
#include <inc/lib.h>

volatile int counter;

void umain(int argc, char **argv) {
    envid_t parent = sys_getenvid();
    envid_t children[20];
    int i;
    for (i = 0; i < 20; i++) {
        if ((children[i] = fork()) == 0) {
            break;
        }
    }
    if (i == 20) {
        for (i = 0; i < 20; i++) {
            wait(children[i]);
        }
        cprintf("the count is %d\n", 200000);
        return;
    }
    for (i = 0; i < 10; i++) {
        sys_yield();
        for (int j = 0; j < 20000; j++) {
            counter++;
        }
    }
    if (counter != 10 * 20000) {
        panic("ran on two processors at once (counter is %d)", counter);
    }
    cprintf("[%08x] stress on CPU %d, parent %08x\n", thisenv->env_id, thisenv->env_cpunum, parent);
}
