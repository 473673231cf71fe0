// console: \[00001000\] user fault va 00000000 ip 008.....
// console:   trap 0x0000000e Page Fault
// console:   cr2  0x00000000
// console:   err  0x00000004 \[user, read, not-present\]
// console: \[00001000\] free env 00001000
// never: I read
#include <inc/lib.h>

void umain(int argc, char **argv) {
    cprintf("I read %08x from location 0!\n", *(unsigned *)0);
}
