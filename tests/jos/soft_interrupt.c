// Programs may not raise a page fault themselves.
// console:   trap 0x0000000d General Protection
#include <inc/lib.h>

void umain(int argc, char **argv) {
    asm volatile("int $14");
}
