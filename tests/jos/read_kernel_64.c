// The same where a 64-bit JOS has its kernel.
// console: \[00001000\] user fault va 8004000000 ip 008.....
// console:   err  0x00000005 \[user, read, protection\]
#include <inc/lib.h>

void umain(int argc, char **argv) {
    cprintf("I read %08x from location 0x8004000000!\n", *(unsigned *)0x8004000000);
}
