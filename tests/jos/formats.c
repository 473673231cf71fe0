// console: ^\[42\|-7\|4294967295\|beef\|0xdead\|x\|text\|17\|100%\]$
// console: ^\[   42\|42   \|00042\|ab\|  out of memory\|error 99\]$
// console: ^\[123456789012\|-1\|7fffffffffff\]$
// console: ^\[\(null\)\|inv\?lid\]$
// console: ^\[12345 of 10\]$
#include <inc/lib.h>

void umain(int argc, char **argv) {
    char small[6];
    cprintf("[%d|%d|%u|%x|%p|%c|%s|%o|100%%]\n", 42, -7, -1, 0xbeef, (void *)0xdead, 'x', "text", 15);
    cprintf("[%5d|%-5d|%05d|%.2s|  %e|%e]\n", 42, 42, 42, "abcdef", -E_NO_MEM, 99);
    cprintf("[%ld|%lld|%lx]\n", 123456789012, -1ll, 0x7fffffffffff);
    cprintf("[%s|%#s]\n", (char *)0, "inv\1lid");
    int all = snprintf(small, sizeof(small), "%d", 1234567890);
    cprintf("[%s of %d]\n", small, all);
}
