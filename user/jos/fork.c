/* Copy-on-write fork. It walks the parent's own page tables, level by level, so that it costs what is
   mapped and not what could be. */
#include "library.h"

/* Set in an entry that may be written, by the kernel: a page that is executed now keeps it. */
#define MAY_WRITE (1ull << 52)

static int share_page(envid_t child, uint64_t page, uint64_t pte) {
    void *at = (void *)page;
    int perm = (int)(pte & PTE_SYSCALL);
    if (pte & PTE_SHARE) {
        return sys_page_map(0, at, child, at, perm);
    }
    if (!(pte & (PTE_W | MAY_WRITE | PTE_COW))) {
        return sys_page_map(0, at, child, at, perm);
    }
    perm = (perm & ~PTE_W) | PTE_COW;
    int result = sys_page_map(0, at, child, at, perm);
    /* The parent's own copy last: until then it may write to what the child does not see yet. */
    return result < 0 || !(pte & (PTE_W | MAY_WRITE)) ? result : sys_page_map(0, at, 0, at, perm);
}

static int share_table(envid_t child, uint64_t first) {
    for (uint64_t i = 0; i < NPTENTRIES; ++i) {
        uint64_t page = first + i * PGSIZE;
        uint64_t pte = uvpt[PGNUM(page)];
        if ((pte & PTE_P) && page != UXSTACKTOP - PGSIZE && page < UTOP) {
            int result = share_page(child, page, pte);
            if (result < 0) {
                return result;
            }
        }
    }
    return 0;
}

/* The pages below UTOP that are mapped. Entries of the kernel's own have no table of ours. */
static int share_all(envid_t child) {
    for (uint64_t table = 0; table < UTOP;) {
        if (!(uvpml4e[VPML4E(table)] & PTE_P)) {
            table = ROUNDDOWN(table, 1ull << PML4SHIFT) + (1ull << PML4SHIFT);
        } else if (!(uvpde[VPDPE(table)] & PTE_P)) {
            table = ROUNDDOWN(table, 1ull << PDPESHIFT) + (1ull << PDPESHIFT);
        } else {
            uint64_t pde = uvpd[VPD(table)];
            int result = (pde & PTE_P) && !(pde >> 54 & 1) ? share_table(child, table) : 0;
            if (result < 0) {
                return result;
            }
            table += PTSIZE;
        }
    }
    return 0;
}

envid_t fork(void) {
    jos_take_faults();
    envid_t child = sys_exofork();
    if (child == 0) {
        thisenv = &envs[ENVX(sys_getenvid())];
        return 0;
    }
    if (child < 0) {
        return child;
    }
    int result = share_all(child);
    if (result == 0) {
        result = sys_page_alloc(child, (void *)(UXSTACKTOP - PGSIZE), PTE_P | PTE_U | PTE_W);
    }
    if (result == 0) {
        result = sys_env_set_pgfault_upcall(child, (void *)_pgfault_upcall);
    }
    if (result == 0) {
        result = sys_env_set_status(child, ENV_RUNNABLE);
    }
    if (result < 0) {
        sys_env_destroy(child);
        return result;
    }
    return child;
}

envid_t sfork(void) { return -E_INVAL; }
