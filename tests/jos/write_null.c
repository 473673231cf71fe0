// console: \[00001000\] user fault va 00000000 ip 008.....
// console:   err  0x00000006 \[user, write, not-present\]
#include <inc/lib.h>

void umain(int argc, char **argv) {
    *(unsigned *)0 = 0;
}
