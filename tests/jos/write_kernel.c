// console: \[00001000\] user fault va f0100000 ip 008.....
// console:   err  0x00000007 \[user, write, protection\]
#include <inc/lib.h>

void umain(int argc, char **argv) {
    *(unsigned *)0xf0100000 = 0;
}
