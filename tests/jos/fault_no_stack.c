// console: user_mem_check assertion failure for va 80007fff..
// console: \[00001000\] free env 00001000
#include <inc/lib.h>

void _pgfault_upcall();

void umain(int argc, char **argv) {
    sys_env_set_pgfault_upcall(0, (void *)_pgfault_upcall);
    *(int *)0 = 0;
}
