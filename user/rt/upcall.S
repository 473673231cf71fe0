// Where upcalls enter: RSP points to an abi::UpcallFrame, every other register is the interrupted
// code's. What C++ may change is saved, vector registers too, because a handler is ordinary code.

#include "user/rt/registers.inc"

// void quarry_upcall(UpcallRegisters*): the handler. It returns to resume.
.text
.global quarry_upcall_entry
.type quarry_upcall_entry, @function
quarry_upcall_entry:
    push_general
    mov %rsp, %rdi
    mov %rsp, %rbp
    sub $528, %rsp
    and $-16, %rsp
    fxsave64 (%rsp)
    call quarry_upcall
    fxrstor64 (%rsp)
    mov %rbp, %rsp
    pop_general
    add $24, %rsp       // address, cause, error
    iretq
.size quarry_upcall_entry, . - quarry_upcall_entry

// The same for handlers built without vector registers: those of the runtime itself. Only what a
// call may change is saved.
.global quarry_light_upcall_entry
.type quarry_light_upcall_entry, @function
quarry_light_upcall_entry:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    lea 72(%rsp), %rdi
    push %rax           // the frame was aligned to 16 bytes: so is the stack again
    call *quarry_light_handler(%rip)
    pop %r11
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    add $24, %rsp
    iretq
.size quarry_light_upcall_entry, . - quarry_light_upcall_entry
