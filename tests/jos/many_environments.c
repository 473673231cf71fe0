// More than a thousand environments at once, and all of them end.
// memory: 512
// console: 1100 environments at once
// console: and all have ended
#include <inc/lib.h>

#define COUNT 1100

void umain(int argc, char **argv) {
    static envid_t children[COUNT];
    for (int i = 0; i < COUNT; i++) {
        if ((children[i] = sys_exofork()) < 0) {
            panic("environment %d: %e", i, children[i]);
        }
    }
    cprintf("%d environments at once\n", COUNT);
    for (int i = 0; i < COUNT; i++) {
        int r = sys_env_destroy(children[i]);
        if (r < 0) {
            panic("destroying %d: %e", i, r);
        }
    }
    cprintf("and all have ended\n");
}
