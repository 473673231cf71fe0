// A page goes to the child and back.
// console: child got message: hello child environment! how are you\?
// console: parent got message: hello parent environment! I'm good
// console: permission 7
#include <inc/lib.h>

const char *to_child = "hello child environment! how are you?";
const char *to_parent = "hello parent environment! I'm good.";

#define TEMP_ADDR ((char *)0xa00000)
#define TEMP_ADDR_CHILD ((char *)0xb00000)

void umain(int argc, char **argv) {
    envid_t who;
    int perm = 0;
    if ((who = fork()) == 0) {
        ipc_recv(&who, TEMP_ADDR_CHILD, 0);
        cprintf("%x child got message: %s\n", who, TEMP_ADDR_CHILD);
        if (strncmp(TEMP_ADDR_CHILD, to_child, strlen(to_child)) != 0) {
            panic("the child got another message");
        }
        memcpy(TEMP_ADDR_CHILD, to_parent, strlen(to_parent) + 1);
        ipc_send(who, 0, TEMP_ADDR_CHILD, PTE_P | PTE_W | PTE_U);
        return;
    }
    sys_page_alloc(thisenv->env_id, TEMP_ADDR, PTE_P | PTE_W | PTE_U);
    memcpy(TEMP_ADDR, to_child, strlen(to_child) + 1);
    ipc_send(who, 0, TEMP_ADDR, PTE_P | PTE_W | PTE_U);
    ipc_recv(&who, TEMP_ADDR, &perm);
    cprintf("%x parent got message: %s\n", who, TEMP_ADDR);
    cprintf("permission %x\n", perm);
    if (pageref(TEMP_ADDR) < 1) {
        panic("a mapped page without references");
    }
}
