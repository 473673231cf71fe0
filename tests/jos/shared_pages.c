// Pages tagged PTE_SHARE stay shared through a fork; all others part at the first write.
// console: the child's write is seen where it is shared, and only there
#include <inc/lib.h>

#define SHARED ((char *)0xa00000)
#define PRIVATE ((char *)0xb00000)

void umain(int argc, char **argv) {
    sys_page_alloc(0, SHARED, PTE_P | PTE_U | PTE_W | PTE_SHARE);
    sys_page_alloc(0, PRIVATE, PTE_P | PTE_U | PTE_W);
    strcpy(SHARED, "before");
    strcpy(PRIVATE, "before");
    char *block = malloc(100000);
    strcpy(block, "before");
    envid_t child = fork();
    if (child == 0) {
        strcpy(SHARED, "after");
        strcpy(PRIVATE, "after");
        strcpy(block, "after");
        free(block);
        return;
    }
    wait(child);
    if (strcmp(SHARED, "after") || strcmp(PRIVATE, "before") || strcmp(block, "before")) {
        panic("%s %s %s", SHARED, PRIVATE, block);
    }
    free(block);
    cprintf("the child's write is seen where it is shared, and only there\n");
}
