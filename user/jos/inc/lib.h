/* All that a JOS program includes. A program is umain(); what it can call is declared here and in
   the headers below. user/jos/README.md says what differs from JOS. */
#ifndef JOS_INC_LIB_H
#define JOS_INC_LIB_H 1

#include <inc/assert.h>
#include <inc/env.h>
#include <inc/error.h>
#include <inc/malloc.h>
#include <inc/memlayout.h>
#include <inc/mmu.h>
#include <inc/stdarg.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <inc/syscall.h>
#include <inc/trap.h>
#include <inc/types.h>
#include <inc/x86.h>

#define USED(x) (void)(x)

void umain(int argc, char **argv);

extern const char *binaryname;
extern const volatile struct Env *thisenv;
extern const volatile struct Env envs[NENV];
extern const volatile struct PageInfo pages[];

void exit(void);

/* The handler runs on the exception stack, which the first call allocates. */
void set_pgfault_handler(void (*handler)(struct UTrapframe *));
/* What the kernel calls: hands a fault to the handler. */
void _pgfault_upcall(void);

/* Calls return 0 or a value; a negated E_* when they fail. An environment may act on itself (0) and
   on those it created. */
void sys_cputs(const char *text, size_t bytes);
int sys_cgetc(void); /* a key, or 0: does not wait */
envid_t sys_getenvid(void);
int sys_env_destroy(envid_t);
void sys_yield(void);
int sys_env_set_status(envid_t, int status);
int sys_env_set_trapframe(envid_t, struct Trapframe *);
int sys_env_set_pgfault_upcall(envid_t, void *upcall);
int sys_page_alloc(envid_t, void *at, int perm);
int sys_page_map(envid_t from_env, void *from, envid_t to_env, void *to, int perm);
int sys_page_unmap(envid_t, void *at);
int sys_ipc_try_send(envid_t to, uint64_t value, void *page, int perm);
int sys_ipc_recv(void *page);
unsigned int sys_time_msec(void);

/* A new environment that begins where this returns, with 0, but does not run yet and has no memory.
   Always inlined: by the time the child has a copy of the stack, a caller's frame would be gone. */
long jos_exofork_at(uintptr_t rip, uintptr_t rsp, uintptr_t rbp);
static inline __attribute__((always_inline)) envid_t sys_exofork(void) {
    long result;
    __asm__ volatile(
        "lea 1f(%%rip), %%rdi\n\t"
        "mov %%rsp, %%rsi\n\t"
        "mov %%rbp, %%rdx\n\t"
        "mov %%rsp, %%rbx\n\t"
        "and $-16, %%rsp\n\t"
        "call jos_exofork_at\n\t"
        "mov %%rbx, %%rsp\n"
        "1:"
        : "=a"(result)
        :
        : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "memory", "cc");
    return (envid_t)result;
}

/* Sends until the receiver takes it; panics when it cannot. */
void ipc_send(envid_t to, uint32_t value, void *page, int perm);
/* The next message's value, or an error; who sent it and with what permission a page came. */
int32_t ipc_recv(envid_t *from, void *page, int *perm);
/* The first environment of this type; 0 if there is none. */
envid_t ipc_find_env(enum EnvType);

/* A copy of this environment, whose memory is copied when one of the two writes to it; pages that
   are tagged PTE_SHARE stay shared. */
#define PTE_COW 0x800
#define PTE_SHARE 0x400
envid_t fork(void);
envid_t sfork(void); /* not supported: -E_INVAL, as in JOS */

/* How many mappings the page at this address has; 0 if there is none. */
int pageref(void *at);
/* Until the environment has ended. */
void wait(envid_t);

#endif
