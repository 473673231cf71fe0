// console: \[00001000\] user fault va f0100000 ip 008.....
// console:   err  0x00000005 \[user, read, protection\]
// never: I read
#include <inc/lib.h>

void umain(int argc, char **argv) {
    cprintf("I read %08x from location 0xf0100000!\n", *(unsigned *)0xf0100000);
}
