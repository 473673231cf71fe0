// A handled fault changes no register and no flag, and the handler sees them all.
// console: every register kept its value
// console: the handler saw them
#include <inc/lib.h>

static struct PushRegs seen, after;
static uint64_t flags_before, flags_after, rsp_before, rsp_seen;

static void handler(struct UTrapframe *utf) {
    seen = utf->utf_regs;
    rsp_seen = utf->utf_rsp;
    int r = sys_page_alloc(0, UTEMP, PTE_P | PTE_U | PTE_W);
    if (r < 0) {
        panic("sys_page_alloc: %e", r);
    }
}

static bool expected(struct PushRegs *r) {
    return r->reg_r15 == 0x1515 && r->reg_r14 == 0x1414 && r->reg_r13 == 0x1313 &&
           r->reg_r12 == 0x1212 && r->reg_r11 == 0x1111 && r->reg_r10 == 0x1010 &&
           r->reg_r9 == 0x909 && r->reg_r8 == 0x808 && r->reg_rsi == 0x5151 &&
           r->reg_rdi == 0xd1d1 && r->reg_rbp == 0xb9b9 && r->reg_rdx == 0xdada &&
           r->reg_rcx == 0xcaca && r->reg_rbx == 0xbaba && r->reg_rax == (uint64_t)UTEMP;
}

void umain(int argc, char **argv) {
    set_pgfault_handler(handler);
    asm volatile(
        "push %%rbp; push %%rbx;"
        "mov $0x1515, %%r15; mov $0x1414, %%r14; mov $0x1313, %%r13; mov $0x1212, %%r12;"
        "mov $0x1111, %%r11; mov $0x1010, %%r10; mov $0x909, %%r9; mov $0x808, %%r8;"
        "mov $0x5151, %%rsi; mov $0xd1d1, %%rdi; mov $0xb9b9, %%rbp; mov $0xdada, %%rdx;"
        "mov $0xcaca, %%rcx; mov $0xbaba, %%rbx; mov $0x200000, %%rax;"
        "stc; pushfq; pop flags_before; mov %%rsp, rsp_before;"
        "movl $7, (%%rax);"
        "mov %%r15, after; mov %%r14, after+8; mov %%r13, after+16; mov %%r12, after+24;"
        "mov %%r11, after+32; mov %%r10, after+40; mov %%r9, after+48; mov %%r8, after+56;"
        "mov %%rsi, after+64; mov %%rdi, after+72; mov %%rbp, after+80; mov %%rdx, after+88;"
        "mov %%rcx, after+96; mov %%rbx, after+104; mov %%rax, after+112;"
        "pushfq; pop flags_after; pop %%rbx; pop %%rbp"
        :
        :
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "memory", "cc");
    if (*(int *)UTEMP != 7 || !expected(&after) || flags_before != flags_after) {
        panic("a register or the flags changed");
    }
    cprintf("every register kept its value\n");
    if (!expected(&seen) || rsp_seen != rsp_before) {
        panic("the handler saw other registers");
    }
    cprintf("the handler saw them\n");
}
