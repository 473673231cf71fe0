// console: send 0 from 1000 to 1001
// console: 1001 got 0 from 1000
// console: 1000 got 9 from 1001
// console: 1001 got 10 from 1000
#include <inc/lib.h>

void umain(int argc, char **argv) {
    envid_t who;
    if ((who = fork()) != 0) {
        cprintf("send 0 from %x to %x\n", sys_getenvid(), who);
        ipc_send(who, 0, 0, 0);
    }
    while (1) {
        uint32_t i = ipc_recv(&who, 0, 0);
        cprintf("%x got %d from %x\n", sys_getenvid(), i, who);
        if (i == 10) {
            return;
        }
        i++;
        ipc_send(who, i, 0, 0);
        if (i == 10) {
            return;
        }
    }
}
