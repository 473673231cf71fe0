// console:   trap 0x00000003 Breakpoint
// console:   eip  0x008.....
// console: Welcome to the JOS kernel monitor!
// console: and on it goes
// keys: continue
// prompt: K>
#include <inc/lib.h>

void umain(int argc, char **argv) {
    asm volatile("int $3");
    cprintf("and on it goes\n");
}
