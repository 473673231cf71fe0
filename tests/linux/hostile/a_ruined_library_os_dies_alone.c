// A program writes over its own library OS, or jumps into it. It may end or not; others go on.
#define _GNU_SOURCE
#include "../check.h"
#include <signal.h>
#include <sys/wait.h>

static void ruin(int how) {
    char* const image = (char*)0x7f8100000000;
    switch (how) {
        case 0: for (int i = 0; i < 0x40000; i += 4096) *(volatile char*)(image + i) = 1; break;
        case 1: memset((char*)0x7f8100014000, 0xff, 0x1000); break;
        case 2: memset((char*)0x7f8110000000, 0xff, 0x1000); break;   // the list of mappings
        case 3: memset((char*)0x7f8140010000, 0xff, 0x1000); break;   // the thread's block
        case 4: memset((char*)0x7f8140001000, 0x41, 0x6000); break;   // its upcall stack
        case 5: memset((char*)0x7f8140020000, 0xff, 0x11000); break;  // its channel
        case 6: ((void (*)(void))image)(); break;
        case 7: __asm__ volatile("wrgsbase %0" : : "r"(0l)); break;
        case 8: __asm__ volatile("mov $0x80000014, %%eax; xor %%edi, %%edi; mov %0, %%rsi; mov $16, %%edx;"
                                 "syscall" : : "r"(image) : "rax", "rdi", "rsi", "rdx", "rcx", "r11", "r8",
                                 "r9", "r10"); break;  // page_unmap of its text
    }
}

int main(void) {
    for (int how = 0; how < 9; ++how) {
        pid_t const child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            ruin(how);
            for (int i = 0; i < 100; ++i) {
                char* const block = malloc(10000);
                if (block != NULL) block[5000] = 1;
                getppid();
            }
            _exit(0);
        }
        int status = 0, tries = 0;
        while (waitpid(child, &status, WNOHANG) == 0) {
            usleep(1000);
            if (++tries == 300) kill(child, SIGKILL);
        }
    }
    CHECK(system("true") == 0);
    DONE;
}
