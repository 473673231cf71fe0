// Nothing is printed of a text that ends outside memory.
// console: \[00001000\] user_mem_check assertion failure for va 0080.000
// never: hello, world
#include <inc/lib.h>

const char *hello = "hello, world\n";

void umain(int argc, char **argv) {
    sys_cputs(hello, 1024 * 1024);
}
