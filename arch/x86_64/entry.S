// Every way into the kernel from user mode, and the way back.
//
// While an environment runs, TSS.RSP0 points to the end of its
// SavedState.ss, so an exception or interrupt pushes straight into the environment's saved
// registers. Then the kernel stack is taken; it holds nothing between entries. Calls that never take it are in
// direct_entry.S.

#include "arch/x86_64/layout.hpp"

#define NATIVE_SLOTS 0x40     /* abi::call_table_slots */
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

// SYSCALL (SDM volume 2B): rcx = return address, r11 = flags, IF AC DF TF NT cleared by SFMASK. Nothing
// else has changed when a call is found: the stack is the program's, and is not used.
.global syscall_entry
syscall_entry:
    swapgs
    add $-0x80000000, %rax
    cmp $NATIVE_SLOTS, %rax
    jae not_in_table
    jmp *quarry_entry_table(,%rax,8)

// Any call: to C++ and back. What the return needs waits on the kernel stack.
.macro plain_entry index
.global plain_entry_\index
plain_entry_\index:
    mov %rsp, %gs:PROCESSOR_USER_RSP
    mov %gs:PROCESSOR_STACK, %rsp
    push %rcx
    push %r11
    .if (CALLS_OF_FEW_WORDS >> \index & 1) == 0
    mov %r10, %rcx
    .endif
    call *quarry_call_table + \index * 8
    pop %r11
    pop %rcx                // canonical, as abi::user_end sees to (abi/layout.hpp)
    mov %gs:PROCESSOR_USER_RSP, %rsp
    return_to_program
.endm
// No register leaves with a kernel value.
.macro return_to_program
    xor %edx, %edx
    xor %edi, %edi
    xor %esi, %esi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    swapgs
    sysretq
.endm
.altmacro
.set i, 0
.rept NATIVE_SLOTS
    plain_entry %i
    .set i, i + 1
.endr
.noaltmacro

// Where the caller goes on, for a call that keeps only RSP, and RBP so that backtraces hold. R11: the
// environment, R10 is used.
.macro save_return_place
    mov %gs:PROCESSOR_CURRENT, %r11
    mov %rbp, SAVED_RBP(%r11)
    mov 16(%rsp), %r10
    mov %r10, SAVED_RIP(%r11)
    mov 8(%rsp), %r10
    mov %r10, SAVED_RFLAGS(%r11)
    mov %gs:PROCESSOR_USER_RSP, %r10
    mov %r10, SAVED_RSP(%r11)
.endm

// Those that C++ keeps, into the environment in R11.
.macro save_kept_registers
    mov %rbx, 104(%r11)
    mov %r12, 24(%r11)
    mov %r13, 16(%r11)
    mov %r14, 8(%r11)
    mov %r15, 0(%r11)
.endm

// The call may switch to another environment: what the caller keeps goes into its SavedState.
.global quarry_save_and_call
quarry_save_and_call:
    save_return_place
    save_kept_registers
    jmp *quarry_full_table(,%rax,8)

// Calls that may go straight to another environment (kernel/calls/ipc_shortcuts.cpp). The arguments
// stay where they are: in the shortcuts' calling convention they come after four others, and every
// register may be changed.
.macro switching_call name, shortcut
.global \name
\name:
    save_return_place
    jmp \shortcut
.endm
switching_call quarry_ipc_call, quarry_ipc_call_shortcut
switching_call quarry_ipc_reply, quarry_ipc_reply_shortcut
switching_call quarry_yield_to, quarry_yield_to_shortcut

// Goes on in the environment in R12, which made such a call: a result of 0, the sender in RDI and the
// message in the other registers of IpcCall; what carries nothing is zero, R9 and R13 to R15 already.
.global quarry_switch_to
quarry_switch_to:
    mov %rcx, %r10
    mov SAVED_RIP(%r12), %rcx       // of a syscall below the user top: canonical
    mov SAVED_RFLAGS(%r12), %r11
    mov SAVED_RSP(%r12), %rsp
    mov SAVED_RBP(%r12), %rbp
    xor %eax, %eax
    xor %ebx, %ebx
    xor %r12d, %r12d
    swapgs
    sysretq

// The call whose index is in R12 goes the general way. What the shortcut left in registers that
// C++ keeps would reach the program, and what was saved at an earlier call.
.global quarry_decline
quarry_decline:
    mov %r12, %rax
    xor %ebx, %ebx
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    mov %gs:PROCESSOR_CURRENT, %r11
    save_kept_registers
    jmp *quarry_full_table(,%rax,8)

not_in_table:
    cmp $0x1000, %rax
    jb bad_call
    // A foreign call. It goes to the program's own entry with every register as it was: by iretq,
    // since sysretq takes rcx and r11.
    sub $-0x80000000, %rax
    mov %rsp, %gs:PROCESSOR_USER_RSP
    mov %gs:PROCESSOR_STACK, %rsp
    push %rcx
    mov %gs:PROCESSOR_CURRENT, %rcx
    mov UPCALL_FOREIGN_ENTRY(%rcx), %rcx
    test %rcx, %rcx
    jz no_foreign_entry
    push $USER_DATA_SELECTOR
    push %gs:PROCESSOR_USER_RSP
    push %r11
    push $USER_CODE_SELECTOR
    push %rcx
    mov 40(%rsp), %rcx
    swapgs
    iretq
bad_call:
    mov $BAD_CALL, %rax
    return_to_program
no_foreign_entry:
    mov $ENOSYS, %rax
    pop %rcx
    mov %gs:PROCESSOR_USER_RSP, %rsp
    return_to_program

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
.macro trap vector, error=0, to=trap_entry
.balign 16
trap_\vector:
    .if \error == 0
    push $0
    .endif
    push $\vector
    jmp \to
.endm

// An exception that the program may handle itself. If it came from user mode and the environment
// has an upcall, its frame goes to the upcall stack and RIP to the upcall entry, with every general
// register as it was: DESIGN.md, "Upcalls". All that is needed lies behind the saved registers.
.macro fault_entry_for address
    clac
    cld
    testb $3, 24(%rsp)      // cs
    jz trap_in_kernel_from_fault
    .ifc \address, %cr2
    testb $4, 8(%rsp)       // error code: a user access, unless the emulator errs (traps.cpp)
    jz trap_from_user
    .endif
    push %rax
    push %rcx
    push %rsi
    push %rdi
    // rsp is 32 below SavedState.vector
    mov UPCALL_ENTRY-SAVED_VECTOR+32(%rsp), %rax
    test %rax, %rax
    jz no_upcall
    // Where on the upcall stack: below RSP and its red zone if that is in it, else at its top.
    mov UPCALL_STACK_BYTES-SAVED_VECTOR+32(%rsp), %rcx
    mov SAVED_RSP-SAVED_VECTOR+32(%rsp), %rdi
    sub UPCALL_STACK-SAVED_VECTOR+32(%rsp), %rdi
    cmp %rcx, %rdi
    lea -128(%rdi), %rdi
    cmovae %rcx, %rdi
    sub $64, %rdi
    js no_upcall
    add UPCALL_STACK-SAVED_VECTOR+32(%rsp), %rdi
    and $-16, %rdi
    lea 32(%rsp), %rsi
    mov \address, %rcx
    jmp write_upcall_frame
.endm

page_fault_entry:
    fault_entry_for %cr2
fault_entry:
    fault_entry_for $0
write_upcall_frame:
    stac
upcall_copy_begin:
    mov %rcx, (%rdi)
    add $8, %rdi
    mov $7, %ecx
    rep movsq               // vector, error, rip, cs, rflags, rsp, ss
upcall_copy_end:
    clac
    sub $64, %rdi
    mov %rdi, SAVED_RSP-SAVED_VECTOR+32(%rsp)
    mov %rax, SAVED_RIP-SAVED_VECTOR+32(%rsp)
    andl $~0x44500, SAVED_RFLAGS-SAVED_VECTOR+32(%rsp)  // DF TF AC NT
    pop %rdi
    pop %rsi
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq
upcall_copy_fault:
    clac
no_upcall:
    pop %rdi
    pop %rsi
    pop %rcx
    pop %rax
    jmp trap_from_user
// The copy above runs on the saved registers themselves, where there is no room for a call of C++.
trap_in_kernel_from_fault:
    cmpq $upcall_copy_begin, 16(%rsp)
    jb 1f
    cmpq $upcall_copy_end, 16(%rsp)
    jae 1f
    movq $upcall_copy_fault, 16(%rsp)
    add $16, %rsp
    iretq
1:  push_registers
    jmp trap_in_kernel

trap_entry:
    clac
    cld
    testb $3, 24(%rsp)      // cs
    jnz trap_from_user
    push_registers
    jmp trap_in_kernel
trap_from_user:
    push_registers
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

trap 0, error=0, to=fault_entry
trap 1, error=0, to=ist_entry
trap 2, error=0, to=ist_entry
trap 3, error=0, to=fault_entry
trap 4, error=0, to=fault_entry
trap 5, error=0, to=fault_entry
trap 6, error=0, to=fault_entry
trap 7, error=0, to=trap_entry
trap 8, error=1, to=ist_entry
trap 9, error=0, to=trap_entry
trap 10, error=1, to=fault_entry
trap 11, error=1, to=fault_entry
trap 12, error=1, to=fault_entry
trap 13, error=1, to=fault_entry
trap 14, error=1, to=page_fault_entry
trap 15, error=0, to=trap_entry
trap 16, error=0, to=fault_entry
trap 17, error=1, to=fault_entry
trap 18, error=0, to=ist_entry
trap 19, error=0, to=fault_entry
trap 20, error=0, to=trap_entry
trap 21, error=1, to=trap_entry
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
// Where each native call goes, by its index: the table in use, one with the direct ways and one without.
.macro entry_address kind, index
    .quad \kind\()_entry_\index
.endm
.macro entry_addresses has_direct
    .set i, 0
    .rept NATIVE_SLOTS
    .if \has_direct && (i == IPC_CALL || i == IPC_REPLY_RECEIVE || i == YIELD_TO)
    entry_address direct, %i
    .else
    entry_address plain, %i
    .endif
    .set i, i + 1
    .endr
.endm
.global quarry_entry_table, quarry_direct_entries, quarry_plain_entries
quarry_entry_table:
    entry_addresses 1
quarry_direct_entries:
    entry_addresses 1
quarry_plain_entries:
    entry_addresses 0
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
