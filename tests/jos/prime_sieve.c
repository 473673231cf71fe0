// A pipeline of environments, one a prime; it runs until the numbers end.
// processors: 2
// console: CPU .: 2 
// console: CPU .: 3 
// console: CPU .: 5 
// console: CPU .: 97 
// console: CPU .: 199 
#include <inc/lib.h>

#define LAST 200

int filter(void) {
    envid_t left, right = 0;
    int i, id, p;
    p = ipc_recv(&left, 0, 0);
    if (p > LAST) {
        return 0;
    }
    cprintf("CPU %d: %d \n", thisenv->env_cpunum, p);
    if ((id = fork()) < 0) {
        panic("fork: %e", id);
    }
    if (id == 0) {
        return 1;
    }
    right = id;
    while (1) {
        i = ipc_recv(&left, 0, 0);
        if (i > LAST || i % p) {
            ipc_send(right, i, 0, 0);
        }
        if (i > LAST) {
            return 0;
        }
    }
}

void umain(int argc, char **argv) {
    int i, id;
    if ((id = fork()) < 0) {
        panic("fork: %e", id);
    }
    if (id == 0) {
        while (filter()) {
        }
        return;
    }
    for (i = 2; i <= LAST + 1; i++) {
        ipc_send(id, i, 0, 0);
    }
}
