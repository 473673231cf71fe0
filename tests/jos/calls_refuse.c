// Calls refuse what JOS's calls refuse, with JOS's errors.
// console: all as it should be
#include <inc/lib.h>

#define check(got, expected)                                                  \
    do {                                                                      \
        int _got = (got);                                                     \
        if (_got != (expected)) {                                             \
            panic("%s gave %d (%e), expected %d", #got, _got, _got, expected); \
        }                                                                     \
    } while (0)

void umain(int argc, char **argv) {
    void *at = (void *)0xa00000;
    int all = PTE_P | PTE_U | PTE_W;
    check(sys_page_alloc(0, (void *)UTOP, all), -E_INVAL);
    check(sys_page_alloc(0, (void *)0xa00001, all), -E_INVAL);
    check(sys_page_alloc(0, at, PTE_P | PTE_W), -E_INVAL);
    check(sys_page_alloc(0, at, all | PTE_PS), -E_INVAL);
    check(sys_page_alloc(0x12345678, at, all), -E_BAD_ENV);
    check(sys_page_alloc(0, (void *)0xf0100000, all), -E_INVAL);
    check(sys_page_map(0, at, 0, (void *)0xb00000, all), -E_INVAL);
    check(sys_page_alloc(0, at, PTE_P | PTE_U), 0);
    check(sys_page_map(0, at, 0, (void *)0xb00000, all), -E_INVAL);
    check(sys_page_map(0, at, 0, (void *)0xb00000, PTE_P | PTE_U), 0);
    check(pageref(at), 2);
    check(sys_page_unmap(0, (void *)0xb00000), 0);
    check(sys_page_unmap(0, (void *)0xb00000), 0);
    check(pageref(at), 1);
    check(pageref((void *)0xb00000), 0);
    check(sys_env_set_status(0, 77), -E_INVAL);
    check(sys_env_destroy(0x12345678), -E_BAD_ENV);
    check(sys_ipc_try_send(0x12345678, 0, (void *)UTOP, 0), -E_BAD_ENV);
    check(sys_ipc_try_send(sys_getenvid(), 0, (void *)1, all), -E_INVAL);
    check(sys_ipc_recv((void *)0xa00001), -E_INVAL);
    check(sys_cgetc(), 0);
    check((uvpt[PGNUM(at)] & (PTE_P | PTE_W | PTE_U)) == (PTE_P | PTE_U), 1);
    envid_t child = fork();
    if (child == 0) {
        ipc_recv(0, 0, 0);
        check(sys_ipc_try_send(thisenv->env_parent_id, 0, (void *)UTOP, 0), -E_IPC_NOT_RECV);
        check(sys_env_destroy(thisenv->env_parent_id), -E_BAD_ENV);
        check(sys_page_alloc(thisenv->env_parent_id, at, all), -E_BAD_ENV);
        return;
    }
    ipc_send(child, 1, 0, 0);
    wait(child);
    check(sys_env_destroy(child), -E_BAD_ENV);
    cprintf("all as it should be\n");
}
