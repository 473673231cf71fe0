// Copies an environment page by page, with the calls alone.
// console: \[00001000\] new env 00001001
// console: ^0: I am the parent
// console: ^9: I am the parent
// console: ^0: I am the child
// console: ^19: I am the child
// console: \[00001001\] exiting gracefully
// console: \[00001001\] free env 00001001
#include <inc/lib.h>

envid_t copy_this(void);

void umain(int argc, char **argv) {
    envid_t who = copy_this();
    for (int i = 0; i < (who ? 10 : 20); i++) {
        cprintf("%d: I am the %s.\n", i, who ? "parent" : "child");
        sys_yield();
    }
}

void copy_page(envid_t to, void *addr) {
    int r;
    if ((r = sys_page_alloc(to, addr, PTE_P | PTE_U | PTE_W)) < 0) {
        panic("sys_page_alloc: %e", r);
    }
    if ((r = sys_page_map(to, addr, 0, UTEMP, PTE_P | PTE_U | PTE_W)) < 0) {
        panic("sys_page_map: %e", r);
    }
    memmove(UTEMP, addr, PGSIZE);
    if ((r = sys_page_unmap(0, UTEMP)) < 0) {
        panic("sys_page_unmap: %e", r);
    }
}

envid_t copy_this(void) {
    extern unsigned char end[];
    uint8_t *addr;
    int r;
    envid_t envid = sys_exofork();
    if (envid < 0) {
        panic("sys_exofork: %e", envid);
    }
    if (envid == 0) {
        thisenv = &envs[ENVX(sys_getenvid())];
        return 0;
    }
    for (addr = (uint8_t *)UTEXT; addr < end; addr += PGSIZE) {
        copy_page(envid, addr);
    }
    copy_page(envid, ROUNDDOWN(&addr, PGSIZE));
    if ((r = sys_env_set_status(envid, ENV_RUNNABLE)) < 0) {
        panic("sys_env_set_status: %e", r);
    }
    return envid;
}
