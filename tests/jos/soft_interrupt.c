// Programs may not raise a page fault themselves.
// console:   trap 0x0000000d General Protection
// console:   err  0x00000072
#include <inc/lib.h>

void umain(int argc, char **argv) {
    asm volatile("int $14");
}
