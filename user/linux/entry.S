// Ways into the library OS and back. GS points to the thread's block (thread.hpp); the program's
// vector registers stay as they are, because nothing here uses any.

#include "user/rt/registers.inc"

#define CALL_RIP 144
#define CALL_RFLAGS 160
#define CALL_RSP 168
#define CALL_RAX 104
#define CALL_GENERAL_END 120
#define THREAD_SELF 184
#define THREAD_ATTENTION 192
#define THREAD_UPCALL_FRAME 208
#define THREAD_CALL_NUMBER 216
#define UPCALL_CAUSE 8      /* abi::UpcallFrame */
#define PAGE_FAULT 14
#define THREAD_PROCESS 224
#define GETPID 39

.text
// getpid stands for a call that does nothing. No flag and no other register changes.
process_id:
    mov %gs:CALL_RIP, %rcx
    mov %gs:THREAD_PROCESS, %rax
    jmp *%rcx

// A system call of the program's: every register is its own, but RCX and R11, which hold what
// `syscall` put there. The stack pointer may be anything.
.global libos_call_entry
libos_call_entry:
    mov %rcx, %gs:CALL_RIP
    lea -GETPID(%rax), %rcx
    jrcxz process_id
general_call:
    mov %rsp, %gs:CALL_RSP
    mov %r11, %gs:CALL_RFLAGS
    mov %rax, %gs:THREAD_CALL_NUMBER
    mov %gs:THREAD_SELF, %rsp
    lea CALL_GENERAL_END(%rsp), %rsp
    push_general
    mov %rsp, %rdi
    cmp $LIBOS_CALL_SLOTS, %rax
    jae unknown_call
    mov libos_calls@GOTPCREL(%rip), %rcx
    call *(%rcx,%rax,8)
called:
    mov %rax, CALL_RAX(%rsp)
// From here to the end an interrupt goes back to this label (signals.cpp): nothing that was read is
// gone yet.
.global libos_return_begin
libos_return_begin:
    cmpq $0, %gs:THREAD_ATTENTION
    jne attend_call
    pop_general
    add $40, %rsp
    popfq
    pop %rsp
    jmp *%gs:CALL_RIP
.global libos_return_end
libos_return_end:
// The same when every call is to be seen (trace.cpp).
.global libos_traced_call_entry
libos_traced_call_entry:
    mov %rcx, %gs:CALL_RIP
    jmp general_call
unknown_call:
    call libos_unknown_call
    jmp called
attend_call:
    mov %rsp, %rdi
    mov $1, %esi
    call libos_attend
    jmp libos_resume_here
attend:
    mov %rsp, %rdi
    xor %esi, %esi
    call libos_attend
    jmp libos_resume_here

// libos_resume(Registers*): goes on in the program with all registers as they are there. A thread that
// is new, a child of a fork, a program that begins, and what returns from a signal's handler.
.global libos_resume
libos_resume:
    mov %rdi, %rsp
libos_resume_here:
    cmpq $0, %gs:THREAD_ATTENTION
    jne attend
    pop_general
    add $24, %rsp
    iretq
.global libos_resume_end
libos_resume_end:

// Faults, exceptions and interrupts: RSP points to an abi::UpcallFrame. Most are pages that the program
// touches for the first time, for which only what C++ does not keep is saved, at its place. (The stack is
// then not aligned as C++ has it, which only vector registers need.)
.macro move_scratch operation
    \operation 104, %rax
    \operation 112, %rcx
    \operation 96, %rdx
    \operation 72, %rsi
    \operation 64, %rdi
    \operation 0, %r8
    \operation 8, %r9
    \operation 16, %r10
    \operation 24, %r11
.endm
.macro save at, register
    mov \register, \at(%rsp)
.endm
.macro load at, register
    mov \at(%rsp), \register
.endm
.global libos_upcall_entry
libos_upcall_entry:
    cmpq $PAGE_FAULT, UPCALL_CAUSE(%rsp)
    lea -CALL_GENERAL_END(%rsp), %rsp
    move_scratch save
    jne any_upcall
    lea CALL_GENERAL_END(%rsp), %rdi
    call libos_first_touch
    test %al, %al
    jz any_upcall
// As with calls: an interrupt goes back to here.
.global libos_touch_return
libos_touch_return:
    mov %rsp, %gs:THREAD_UPCALL_FRAME
.global libos_touch_return_begin
libos_touch_return_begin:
    cmpq $0, %gs:THREAD_ATTENTION
    jne any_upcall
    move_scratch load
    add $CALL_GENERAL_END+24, %rsp
.global libos_touch_iret
libos_touch_iret:
    iretq
// libos_upcall says whether it is the program that goes on.
any_upcall:
    save 88, %rbx
    save 80, %rbp
    save 32, %r12
    save 40, %r13
    save 48, %r14
    save 56, %r15
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call libos_upcall
    mov %rbx, %rsp
    test %al, %al
    jz to_itself
// As with calls: an interrupt goes back to here.
.global libos_upcall_return
libos_upcall_return:
    mov %rsp, %gs:THREAD_UPCALL_FRAME
.global libos_upcall_return_begin
libos_upcall_return_begin:
    cmpq $0, %gs:THREAD_ATTENTION
    jne attend_upcall
    pop_general
    add $24, %rsp
// But not from here: another upcall's frame would lie on what was popped. All registers are the
// program's by now.
.global libos_upcall_iret
libos_upcall_iret:
    iretq
to_itself:
    pop_general
    add $24, %rsp
    iretq
attend_upcall:
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    xor %esi, %esi
    call libos_attend
    mov %rbx, %rsp
    jmp libos_upcall_return

// Where an environment of this space begins: RDI is its block, GS is set.
.global libos_start
libos_start:
    xor %ebp, %ebp
    and $-16, %rsp
    call libos_started
    ud2

// std::size_t libos_user_copy(to, from, bytes): what touches the program's memory. How many bytes are
// left after a fault that nobody could mend.
.global libos_user_copy
libos_user_copy:
    mov %rdx, %rcx
.global libos_user_copy_begin
libos_user_copy_begin:
    rep movsb
.global libos_user_copy_end
libos_user_copy_end:
.global libos_user_copy_failed
libos_user_copy_failed:
    mov %rcx, %rax
    ret

// bool libos_user_touch(address): whether a byte cannot be written. It stays what it is.
.global libos_user_touch
libos_user_touch:
.global libos_user_touch_begin
libos_user_touch_begin:
    lock orb $0, (%rdi)
.global libos_user_touch_end
libos_user_touch_end:
    xor %eax, %eax
    ret
.global libos_user_touch_failed
libos_user_touch_failed:
    mov $1, %eax
    ret

// bool libos_user_save_vectors(to): XSAVE of all that is enabled, 64-byte aligned; its header's reserved
// bytes, which XSAVE leaves alone, are zeroed (SDM volume 1, section 13.7).
.global libos_user_save_vectors
libos_user_save_vectors:
    mov %rdi, %rsi
    add $512, %rdi
    xor %eax, %eax
    mov $8, %ecx
.global libos_user_save_begin
libos_user_save_begin:
    rep stosq
    mov $-1, %eax
    mov %eax, %edx
    xsave64 (%rsi)
.global libos_user_save_end
libos_user_save_end:
    xor %eax, %eax
    ret

// std::int64_t libos_user_string(to, from, bytes): copies up to and with the NUL; its length, or
// -14 (EFAULT), or -36 (ENAMETOOLONG).
.global libos_user_string
libos_user_string:
    xor %eax, %eax
1:  cmp %rdx, %rax
    jae 2f
.global libos_user_string_begin
libos_user_string_begin:
    movb (%rsi,%rax), %cl
.global libos_user_string_end
libos_user_string_end:
    movb %cl, (%rdi,%rax)
    test %cl, %cl
    jz 3f
    inc %rax
    jmp 1b
2:  mov $-36, %rax
3:  ret
.global libos_user_string_failed
libos_user_string_failed:
    mov $-14, %rax
    ret

// std::uint64_t libos_user_exchange(address, expected, desired): compare and exchange of a 32-bit word
// of the program's; what was there, or bit 32 after a fault.
.global libos_user_exchange
libos_user_exchange:
    mov %esi, %eax
.global libos_user_exchange_begin
libos_user_exchange_begin:
    lock cmpxchgl %edx, (%rdi)
.global libos_user_exchange_end
libos_user_exchange_end:
    mov %eax, %eax
    ret
.global libos_user_exchange_failed
libos_user_exchange_failed:
    mov $1, %eax
    shl $32, %rax
    ret
.section .note.GNU-stack,"",@progbits
