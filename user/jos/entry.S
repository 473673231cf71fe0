// Where a JOS program begins, and what the kernel calls when one of its pages faults.

.section .note.quarry, "a", @note
    .long 7, 4, 1
    .asciz "Quarry"
    .balign 4
    .ascii "JOS"
    .byte 0

.text
.global _start
_start:
    xor %ebp, %ebp
    and $-16, %rsp
    call jos_main           // RDI: the abi::Start record
    ud2

// RSP points to an abi::UpcallFrame. The registers below it lie as inc/trap.h's PushRegs.
// void jos_upcall(struct PushRegs*, struct Frame*): returns to resume.
.global _pgfault_upcall
_pgfault_upcall:
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rbp
    push %rdi
    push %rsi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    lea 120(%rsp), %rsi
    mov %rsp, %rbp
    and $-16, %rsp
    cld
    call jos_upcall
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rsi
    pop %rdi
    pop %rbp
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $24, %rsp           // address, cause, error
    iretq
