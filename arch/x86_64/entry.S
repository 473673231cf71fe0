// Every way into the kernel from user mode, and the way back.
//
// While an environment runs, TSS.RSP0 and the processor's frame_end both point to the end of its
// SavedState.ss, so an entry pushes straight into the environment's saved registers. Then the
// kernel stack is taken; it holds nothing between entries.

#include "arch/x86_64/layout.hpp"

#define NATIVE_SLOTS 0x20     /* abi::call_table_slots */
#define BAD_CALL -1           /* encode_error(Error::bad_call) */
#define ENOSYS -38            /* Linux's, for a foreign call that nobody takes */

.macro push_registers
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro pop_registers
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
.endm

.section .text.entry, "ax"

// SYSCALL (SDM volume 2B): rcx = return address, r11 = flags, IF AC DF TF NT cleared by SFMASK.
.global syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:PROCESSOR_USER_RSP
    mov %gs:PROCESSOR_FRAME_END, %rsp
    push $USER_DATA_SELECTOR
    push %gs:PROCESSOR_USER_RSP
    push %r11
    push $USER_CODE_SELECTOR
    push %rcx
    // rsp is at SavedState.rip. What C++ preserves is saved in case another environment runs next.
    mov %rbx, -32(%rsp)
    mov %rbp, -72(%rsp)
    mov %r12, -112(%rsp)
    mov %r13, -120(%rsp)
    mov %r14, -128(%rsp)
    mov %r15, -136(%rsp)
    mov %gs:PROCESSOR_STACK, %rsp
    add $-0x80000000, %rax
    cmp $NATIVE_SLOTS, %rax
    jae not_in_table
    mov %r10, %rcx
    call *quarry_call_table(,%rax,8)
syscall_return:
    mov %gs:PROCESSOR_FRAME_END, %rsp
    mov -40(%rsp), %rcx
    mov %rcx, %rdx
    shr $47, %rdx
    jnz return_by_iret      // sysret would fault in ring 0 on a non-canonical rcx
    mov -24(%rsp), %r11
    mov -16(%rsp), %rsp
    // rdx is 0 now; no register leaves with a kernel value
    xor %edi, %edi
    xor %esi, %esi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    swapgs
    sysretq

not_in_table:
    cmp $0x1000, %rax
    mov $BAD_CALL, %rax
    jb syscall_return
    mov $ENOSYS, %rax
    jmp syscall_return

return_by_iret:
    sub $40, %rsp
    xor %ecx, %ecx
    xor %edx, %edx
    xor %edi, %edi
    xor %esi, %esi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    swapgs
    iretq

// resume(SavedState*): goes to user mode with these registers. Never returns.
.global quarry_resume
quarry_resume:
    mov %rdi, %rsp
    pop_registers
    swapgs
    iretq

// quarry_call_on_stack(stack, function): leaves the present stack for good.
.global quarry_call_on_stack
quarry_call_on_stack:
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2

// Exceptions and interrupts. A stub makes the frame uniform: error code, then vector.
.macro trap vector, error=0, ist=0
.balign 16
trap_\vector:
    .if \error == 0
    push $0
    .endif
    push $\vector
    .if \ist
    jmp ist_entry
    .else
    jmp trap_entry
    .endif
.endm

trap_entry:
    clac
    cld
    push_registers
    testb $3, 144(%rsp)     // cs
    jz trap_in_kernel
    swapgs
    mov %rsp, %rdi
    mov %gs:PROCESSOR_STACK, %rsp
    xor %ebp, %ebp
    call quarry_user_trap   // does not return
    ud2
trap_in_kernel:
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call quarry_kernel_trap
    mov %rbx, %rsp
    pop_registers
    iretq

// On a stack of its own whose top word is the processor's address: the GS base says nothing here,
// programs write it.
ist_entry:
    clac
    cld
    push_registers
    testb $3, 144(%rsp)
    jz ist_in_kernel
    swapgs                  // from user mode, so GS is the program's for certain
    mov %rsp, %rdi
    call quarry_copy_user_frame
    mov %rax, %rdi
    mov %gs:PROCESSOR_STACK, %rsp
    xor %ebp, %ebp
    call quarry_user_trap
    ud2
ist_in_kernel:
    rdgsbase %r12
    mov 176(%rsp), %rax     // above ss: the processor
    wrgsbase %rax
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call quarry_kernel_trap
    mov %rbx, %rsp
    wrgsbase %r12
    pop_registers
    iretq

// bool quarry_user_copy(to, from, bytes): the only instructions that touch user memory. A fault
// between the two labels returns true.
.global quarry_user_copy
quarry_user_copy:
    mov %rdx, %rcx
    stac
.global user_copy_begin
user_copy_begin:
    rep movsb
.global user_copy_end
user_copy_end:
    clac
    xor %eax, %eax
    ret
.global user_copy_fault
user_copy_fault:
    clac
    mov $1, %eax
    ret

trap 0
trap 1, ist=1
trap 2, ist=1
trap 3
trap 4
trap 5
trap 6
trap 7
trap 8, error=1, ist=1
trap 9
trap 10, error=1
trap 11, error=1
trap 12, error=1
trap 13, error=1
trap 14, error=1
trap 15
trap 16
trap 17, error=1
trap 18, ist=1
trap 19
trap 20
trap 21, error=1
.altmacro
.set i, 22
.rept 27
    trap %i
    .set i, i + 1
.endr
.global trap_255
trap 255

.section .rodata
.balign 8
.global quarry_trap_stubs
quarry_trap_stubs:
.macro stub_address n
    .quad trap_\n
.endm
.set i, 0
.rept 49
    stub_address %i
    .set i, i + 1
.endr
