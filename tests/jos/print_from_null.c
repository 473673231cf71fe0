// console: \[00001000\] user_mem_check assertion failure for va 00000001
// console: \[00001000\] free env 00001000
#include <inc/lib.h>

void umain(int argc, char **argv) {
    sys_cputs((char *)1, 1);
}
