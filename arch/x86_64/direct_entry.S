// The shortest way from a caller to its partner: what kernel/calls/ipc_shortcuts.cpp does, where both or
// neither have vector registers and the spaces are the ones the processor goes to and fro between. A
// call that this is not for goes the plain way, with its words as they were.
//
// RBX: the caller. R12: its partner. RAX and R14: where their slots, and views, begin.

#include "arch/x86_64/layout.hpp"

#define SLOTS _ZN6quarry10the_kernelE + KERNEL_ENVIRONMENTS
#define VIEWS _ZN6quarry14env_view_arrayE

.section .text.entry, "ax"

// `ready_for`: what the partner must be; `waits_for`: what the caller then is.
.macro direct_entry index, ready_for, waits_for
.global direct_entry_\index
direct_entry_\index:
    mov %gs:PROCESSOR_CURRENT, %rbx
    mov %edi, %eax
    and $SLOT_MASK, %eax
    shl $SLOT_SHIFT, %eax
    lock btsw $0, SLOTS + SLOT_LOCK(%rax)
    jc 9f
    cmp %rdi, SLOTS + SLOT_ID(%rax)
    jne 8f
    mov SLOTS + SLOT_OBJECT(%rax), %r12
    .ifc \ready_for, its_callee
    mov ENVIRONMENT_ID(%rbx), %rdi
    cmp %rdi, ENVIRONMENT_READY_FOR(%r12)
    .else
    cmpq \ready_for, ENVIRONMENT_READY_FOR(%r12)
    .endif
    jne 2f
    lock_caller 6f
    mov ENVIRONMENT_DETOURS(%rbx), %r13
    or %r9, %r13            // options
    jne 7f
    enter_space_of_partner
    movq \waits_for, ENVIRONMENT_READY_FOR(%rbx)
    go_to_partner \ready_for
    or_is_in_it_already 7f

    // The same with vector registers, saved and loaded as at every switch.
2:  mov ENVIRONMENT_READY_FOR(%r12), %r13
    btr $ENVIRONMENT_WITH_VECTORS_BIT, %r13
    jnc 6f
    .ifc \ready_for, its_callee
    cmp %rdi, %r13
    .else
    cmp \ready_for, %r13
    .endif
    jne 6f
    lock_caller 6f
    mov ENVIRONMENT_DETOURS(%rbx), %r13
    xor $ENVIRONMENT_DETOUR_VECTORS, %r13
    or %r9, %r13
    jne 7f
    enter_space_of_partner
    movq \waits_for, ENVIRONMENT_READY_FOR(%rbx)
    btsq $ENVIRONMENT_WITH_VECTORS_BIT, ENVIRONMENT_READY_FOR(%rbx)
    mov %rax, %r9
    mov %rdx, %r15
    mov $-1, %eax
    mov $-1, %edx
    mov SAVED_VECTOR_AREA(%rbx), %r13
    xsave64 (%r13)
    mov SAVED_VECTOR_AREA(%r12), %r13
    xrstor64 (%r13)
    mov %r15, %rdx
    mov %r9, %rax
    xor %r9d, %r9d
    go_to_partner \ready_for
    or_is_in_it_already 7f

7:  movw $0, SLOTS + SLOT_LOCK(%r14)
6:  mov SLOTS + SLOT_ID(%rax), %rdi
8:  movw $0, SLOTS + SLOT_LOCK(%rax)
9:  jmp plain_entry_\index
.endm

.macro lock_caller otherwise
    mov ENVIRONMENT_SLOT_OFFSET(%rbx), %r14
    lock btsw $0, SLOTS + SLOT_LOCK(%r14)
    jc \otherwise
.endm

.macro enter_space_of_partner
    mov ENVIRONMENT_SPACE(%r12), %r15
    cmp %gs:PROCESSOR_OTHER_SPACE, %r15
    jne 4f
    movb $1, %gs:PROCESSOR_YIELDER + YIELDER_BY_DETOUR_BYTE
    go_to_other_space
5:
.endm
// To the space in R15, which is the other one.
.macro go_to_other_space
    mov %gs:PROCESSOR_ACTIVE_SPACE, %r13
    mov %r13, %gs:PROCESSOR_OTHER_SPACE
    mov %r15, %gs:PROCESSOR_ACTIVE_SPACE
    mov SPACE_ROOT_ADDRESS(%r15), %r13
    mov %r13, %cr3
.endm
.macro or_is_in_it_already otherwise
4:  cmp %gs:PROCESSOR_ACTIVE_SPACE, %r15
    je 5b
    jmp \otherwise
.endm

// From here on nothing can fail.
.macro go_to_partner ready_for
    movl $VIEW_NOT_RUNNABLE, VIEWS + VIEW_STATUS(%r14)
    save_caller
    movq $0, ENVIRONMENT_READY_FOR(%r12)
    mov %gs:PROCESSOR_RUNNING, %r13
    mov %r13, ENVIRONMENT_ON(%r12)
    mov %r13, VIEWS + VIEW_STATUS(%rax)
    .ifnc \ready_for, its_callee
    mov ENVIRONMENT_ID(%rbx), %rdi
    .endif
    become_partner
    xor %eax, %eax
    clear_kept_registers
    sysretq
.endm

.macro save_caller
    mov %rcx, SAVED_RIP(%rbx)
    mov %r11, SAVED_RFLAGS(%rbx)
    mov %rbp, SAVED_RBP(%rbx)
    mov %rsp, SAVED_RSP(%rbx)
    rdfsbase %r13
    mov %r13, SAVED_FS_BASE(%rbx)
.endm

// Lets go of both at its end.
.macro become_partner
    mov SAVED_FS_BASE(%r12), %r13
    wrfsbase %r13
    mov %r12, %gs:PROCESSOR_CURRENT
    lea SAVED_END(%r12), %r13
    mov %r13, %gs:PROCESSOR_RSP0
    swapgs                  // the bases of GS change places only now
    rdgsbase %r13
    mov %r13, SAVED_GS_BASE(%rbx)
    mov SAVED_GS_BASE(%r12), %r13
    wrgsbase %r13
    movw $0, SLOTS + SLOT_LOCK(%r14)
    movw $0, SLOTS + SLOT_LOCK(%rax)
    mov SAVED_RIP(%r12), %rcx
    mov SAVED_RFLAGS(%r12), %r11
    mov SAVED_RSP(%r12), %rsp
    mov SAVED_RBP(%r12), %rbp
.endm

// No value of the caller's or the kernel's stays in those that neither message nor return needs.
.macro clear_kept_registers
    xor %ebx, %ebx
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
.endm

    direct_entry IPC_CALL, $ENVIRONMENT_READY_FOR_ANYONE, %rdi
    direct_entry IPC_REPLY_RECEIVE, its_callee, $ENVIRONMENT_READY_FOR_ANYONE

// Directed yield back to whoever yielded to the caller. While that is this processor's yielder and
// at hand, its space is the other one.
.macro direct_yield index
.global direct_entry_\index
direct_entry_\index:
    mov %gs:PROCESSOR_YIELDER + YIELDER_SLOT_OFFSET, %rax
    lock btsw $0, SLOTS + SLOT_LOCK(%rax)
    jc 9f
    cmp %rdi, %gs:PROCESSOR_YIELDER
    jne 8f
    mov %gs:PROCESSOR_CURRENT, %rbx
    lock_caller 8f
    cmpq $0, ENVIRONMENT_DETOURS(%rbx)
    jne 7f
    mov SLOTS + SLOT_OBJECT(%rax), %r12
    mov ENVIRONMENT_ID(%rbx), %r13
    mov %r13, %gs:PROCESSOR_YIELDER
    mov %r14, %gs:PROCESSOR_YIELDER + YIELDER_SLOT_OFFSET
    mov %gs:PROCESSOR_OTHER_SPACE, %r15
    go_to_other_space
    save_caller
    become_partner
    xor %eax, %eax
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    clear_kept_registers
    sysretq
7:  movw $0, SLOTS + SLOT_LOCK(%r14)
8:  movw $0, SLOTS + SLOT_LOCK(%rax)
9:  jmp plain_entry_\index
.endm

    direct_yield YIELD_TO
