// Loads a segment that programs may not read.
// console:   trap 0x0000000d General Protection
// console:   err  0x00000028
// console:   ss   0x----0023
#include <inc/lib.h>

void umain(int argc, char **argv) {
    asm volatile("movw $0x28,%ax; movw %ax,%ds");
}
