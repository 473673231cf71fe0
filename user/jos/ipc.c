/* Messages of one value and perhaps a page, and waiting for an environment. */
#include "library.h"

static struct JosMessage last;

int sys_ipc_recv(void *page) { return jos_receive(page, &last); }

void ipc_send(envid_t to, uint32_t value, void *page, int perm) {
    int result = jos_send(to, value, page ? page : (void *)UTOP, perm, 0);
    if (result < 0) {
        panic("ipc_send to %08x: %e", to, result);
    }
}

int32_t ipc_recv(envid_t *from, void *page, int *perm) {
    int result = jos_receive(page ? page : (void *)UTOP, &last);
    if (from) {
        *from = result < 0 ? 0 : last.from;
    }
    if (perm) {
        *perm = result < 0 ? 0 : last.perm;
    }
    return result < 0 ? result : (int32_t)last.value;
}

envid_t ipc_find_env(enum EnvType type) {
    for (int i = 0; i < NENV; ++i) {
        if (envs[i].env_status != ENV_FREE && envs[i].env_type == type) {
            return envs[i].env_id;
        }
    }
    return 0;
}

void wait(envid_t env) {
    const volatile struct Env *e = &envs[ENVX(env)];
    assert(env != 0);
    while (e->env_id == env && e->env_status != ENV_FREE) {
        sys_yield();
    }
}

/* abi::Frame */
struct JosFrame {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags, rsp, fs_base, gs_base;
};

int sys_env_set_trapframe(envid_t env, struct Trapframe *tf) {
    struct PushRegs const *r = &tf->tf_regs;
    struct JosFrame frame = {
        r->reg_rax, r->reg_rbx, r->reg_rcx, r->reg_rdx, r->reg_rsi,     r->reg_rdi, r->reg_rbp,
        r->reg_r8,  r->reg_r9,  r->reg_r10, r->reg_r11, r->reg_r12,     r->reg_r13, r->reg_r14,
        r->reg_r15, tf->tf_rip, tf->tf_eflags, tf->tf_rsp, 0, 0};
    return jos_set_frame(env, &frame);
}

int pageref(void *at) {
    uint64_t page = (uint64_t)at;
    if (page >= UTOP || !(uvpml4e[VPML4E(page)] & PTE_P) || !(uvpde[VPDPE(page)] & PTE_P) ||
        !(uvpd[VPD(page)] & PTE_P) || !(uvpt[PGNUM(page)] & PTE_P)) {
        return 0;
    }
    /* The owner's mappings less one lie signed on top, those of others below: abi/view.hpp. */
    uint64_t counts = pages[PGNUM(PTE_ADDR(uvpt[PGNUM(page)]))].pp_counts;
    return (int)(((int64_t)counts >> 40) + 1) + (int)(counts >> 16 & 0xffffff);
}
