// Greets and says who it is.
// console: \[00000000\] new env 00001000
// console: hello, world
// console: i am environment 00001000
// console: \[00001000\] exiting gracefully
// console: \[00001000\] free env 00001000
#include <inc/lib.h>

void umain(int argc, char **argv) {
    cprintf("hello, world\n");
    cprintf("i am environment %08x\n", thisenv->env_id);
}
