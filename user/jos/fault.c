/* Page faults: copy-on-write pages are the library's own; all others go to the program's handler. */
#include "library.h"

static void (*handler)(struct UTrapframe *);

/* abi::UpcallFrame */
struct Frame {
    uint64_t address, cause, error, rip, cs, rflags, rsp, ss;
};

/* Whether the page was copy-on-write, and can now be written. */
static bool break_copy_on_write(uint64_t address, uint64_t error) {
    uint64_t page = ROUNDDOWN(address, PGSIZE);
    if (!(error & FEC_WR) || !(error & FEC_PR) || page >= UTOP || !(uvpt[PGNUM(page)] & PTE_COW)) {
        return false;
    }
    uint64_t tag = uvpt[PGNUM(page)] & PTE_AVAIL & ~(uint64_t)PTE_COW;
    int result = jos_unshare(page, (uint64_t)PFTEMP, tag);
    if (result < 0) {
        panic("no memory to copy the page at %lx: %e", page, result);
    }
    return true;
}

void jos_upcall(struct PushRegs *regs, struct Frame *frame) {
    if (break_copy_on_write(frame->address, frame->error)) {
        return;
    }
    if (!handler) {
        panic("page fault at va %lx, ip %lx, err %lx: no handler", frame->address, frame->rip,
              frame->error);
    }
    struct UTrapframe utf;
    utf.utf_fault_va = frame->address;
    utf.utf_err = frame->error;
    utf.utf_regs = *regs;
    utf.utf_rip = frame->rip;
    utf.utf_eflags = frame->rflags;
    utf.utf_rsp = frame->rsp;
    handler(&utf);
    *regs = utf.utf_regs;
    frame->rip = utf.utf_rip;
    frame->rflags = utf.utf_eflags;
    frame->rsp = utf.utf_rsp;
}

void jos_take_faults(void) {
    static bool ready;
    if (ready) {
        return;
    }
    int result = sys_page_alloc(0, (void *)(UXSTACKTOP - PGSIZE), PTE_P | PTE_U | PTE_W);
    if (result < 0) {
        panic("no memory for the exception stack: %e", result);
    }
    result = sys_env_set_pgfault_upcall(0, (void *)_pgfault_upcall);
    if (result < 0) {
        panic("the upcall is refused: %e", result);
    }
    ready = true;
}

void set_pgfault_handler(void (*wanted)(struct UTrapframe *)) {
    jos_take_faults();
    handler = wanted;
}
