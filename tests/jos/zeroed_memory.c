// Memory without contents in the file is zero, is the program's own, and has an end.
// console: Yes, good
// console: \[00001000\] user fault va 00c..... ip 008.....
#include <inc/lib.h>

#define ARRAYSIZE (1024 * 1024)
uint32_t bigarray[ARRAYSIZE];

void umain(int argc, char **argv) {
    for (int i = 0; i < ARRAYSIZE; i++) {
        if (bigarray[i] != 0) {
            panic("bigarray[%d] is not cleared", i);
        }
    }
    for (int i = 0; i < ARRAYSIZE; i++) {
        bigarray[i] = i;
    }
    for (int i = 0; i < ARRAYSIZE; i++) {
        if (bigarray[i] != i) {
            panic("bigarray[%d] does not hold its value", i);
        }
    }
    cprintf("Yes, good.  Now a wild write off the end...\n");
    bigarray[ARRAYSIZE + 1024] = 0;
    panic("it should have ended");
}
