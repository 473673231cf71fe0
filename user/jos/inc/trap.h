/* Traps, and registers as a handler sees them. Some have two names: those of 32-bit JOS, and those
   of its 64-bit descendants. */
#ifndef JOS_INC_TRAP_H
#define JOS_INC_TRAP_H

#define T_DIVIDE 0
#define T_DEBUG 1
#define T_NMI 2
#define T_BRKPT 3
#define T_OFLOW 4
#define T_BOUND 5
#define T_ILLOP 6
#define T_DEVICE 7
#define T_DBLFLT 8
#define T_TSS 10
#define T_SEGNP 11
#define T_STACK 12
#define T_GPFLT 13
#define T_PGFLT 14
#define T_FPERR 16
#define T_ALIGN 17
#define T_MCHK 18
#define T_SIMDERR 19
#define T_SYSCALL 48
#define T_DEFAULT 500

#ifndef __ASSEMBLER__

#include <inc/types.h>

struct PushRegs {
    uint64_t reg_r15, reg_r14, reg_r13, reg_r12, reg_r11, reg_r10, reg_r9, reg_r8;
    union { uint64_t reg_rsi, reg_esi; };
    union { uint64_t reg_rdi, reg_edi; };
    union { uint64_t reg_rbp, reg_ebp; };
    union { uint64_t reg_rdx, reg_edx; };
    union { uint64_t reg_rcx, reg_ecx; };
    union { uint64_t reg_rbx, reg_ebx; };
    union { uint64_t reg_rax, reg_eax; };
};

struct Trapframe {
    struct PushRegs tf_regs;
    uint64_t tf_es, tf_ds;
    uint64_t tf_trapno;
    uint64_t tf_err;
    union { uintptr_t tf_rip, tf_eip; };
    uint64_t tf_cs;
    uint64_t tf_eflags;
    union { uintptr_t tf_rsp, tf_esp; };
    uint64_t tf_ss;
};

/* A page fault, on the exception stack. What a handler changes is what goes on. */
struct UTrapframe {
    uint64_t utf_fault_va;
    uint64_t utf_err; /* FEC_* */
    struct PushRegs utf_regs;
    union { uintptr_t utf_rip, utf_eip; };
    uint64_t utf_eflags;
    union { uintptr_t utf_rsp, utf_esp; };
};

#endif
#endif
