/* Single instructions. Those that the processor keeps for the kernel fault in a program. */
#ifndef JOS_INC_X86_H
#define JOS_INC_X86_H

#include <inc/types.h>

static inline void breakpoint(void) { __asm__ volatile("int3"); }

static inline uint8_t inb(int port) {
    uint8_t data;
    __asm__ volatile("inb %w1, %0" : "=a"(data) : "d"(port));
    return data;
}
static inline uint16_t inw(int port) {
    uint16_t data;
    __asm__ volatile("inw %w1, %0" : "=a"(data) : "d"(port));
    return data;
}
static inline uint32_t inl(int port) {
    uint32_t data;
    __asm__ volatile("inl %w1, %0" : "=a"(data) : "d"(port));
    return data;
}
static inline void outb(int port, uint8_t data) {
    __asm__ volatile("outb %0, %w1" : : "a"(data), "d"(port));
}
static inline void outw(int port, uint16_t data) {
    __asm__ volatile("outw %0, %w1" : : "a"(data), "d"(port));
}
static inline void outl(int port, uint32_t data) {
    __asm__ volatile("outl %0, %w1" : : "a"(data), "d"(port));
}

static inline void invlpg(void *addr) { __asm__ volatile("invlpg (%0)" : : "r"(addr) : "memory"); }
static inline void lcr0(uint64_t value) { __asm__ volatile("mov %0, %%cr0" : : "r"(value)); }
static inline void lcr3(uint64_t value) { __asm__ volatile("mov %0, %%cr3" : : "r"(value)); }
static inline uint64_t rcr0(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
static inline uint64_t rcr2(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
static inline uint64_t rcr3(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_eflags(void) {
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    return flags;
}
static inline void write_eflags(uint64_t flags) {
    __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "cc", "memory");
}
static inline uint64_t read_rbp(void) {
    uint64_t value;
    __asm__ volatile("mov %%rbp, %0" : "=r"(value));
    return value;
}
static inline uint64_t read_rsp(void) {
    uint64_t value;
    __asm__ volatile("mov %%rsp, %0" : "=r"(value));
    return value;
}
#define read_ebp read_rbp
#define read_esp read_rsp

static inline void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    uint32_t eax, ebx, ecx, edx;
    __asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(leaf), "c"(0));
    if (a) *a = eax;
    if (b) *b = ebx;
    if (c) *c = ecx;
    if (d) *d = edx;
}

static inline uint64_t read_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint32_t xchg(volatile uint32_t *addr, uint32_t value) {
    __asm__ volatile("lock; xchgl %0, %1" : "+m"(*addr), "+r"(value) : : "cc", "memory");
    return value;
}

#endif
