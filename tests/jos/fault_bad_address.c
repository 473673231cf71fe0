// The kernel's accesses are not handed to the program's handler.
// console: user_mem_check assertion failure for va deadbeef
// never: fault deadbeef
#include <inc/lib.h>

void handler(struct UTrapframe *utf) { cprintf("fault %x\n", (int)utf->utf_fault_va); }

void umain(int argc, char **argv) {
    set_pgfault_handler(handler);
    sys_cputs((char *)0xDEADBEEF, 4);
}
