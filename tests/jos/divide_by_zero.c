// console: TRAP frame at 0xf[0-9a-f]{7} from CPU 0
// console:   trap 0x00000000 Divide error
// console:   eip  0x008.....
// console:   ss   0x----0023
// console: \[00001000\] free env 00001000
// never: is [0-9]
#include <inc/lib.h>

int zero;

void umain(int argc, char **argv) {
    zero = 0;
    cprintf("1/0 is %08x!\n", 1 / zero);
}
