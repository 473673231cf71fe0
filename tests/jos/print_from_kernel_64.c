// console: \[00001000\] user_mem_check assertion failure for va 800420000c
#include <inc/lib.h>

void umain(int argc, char **argv) {
    sys_cputs((char *)0x800420000c, 100);
}
