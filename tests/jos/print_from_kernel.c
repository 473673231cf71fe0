// console: \[00001000\] user_mem_check assertion failure for va f010000c
#include <inc/lib.h>

void umain(int argc, char **argv) {
    sys_cputs((char *)0xf010000c, 100);
}
