// Where fork's two returns come from, and the upcall entry of a program that has forked.

// int quarry_fork_point(abi::Frame*): stores what a call keeps (AMD64 ABI, section 3.2.1), with 1 as
// the result of whoever starts from it. Offsets are those of abi/types.hpp's Frame.
.text
.global quarry_fork_point
.type quarry_fork_point, @function
quarry_fork_point:
    xor %eax, %eax
    mov %rdi, %rdx
    mov $20, %ecx
    rep stosq
    movq $1, 0(%rdx)        // rax
    mov %rbx, 8(%rdx)
    mov %rbp, 48(%rdx)
    mov %r12, 88(%rdx)
    mov %r13, 96(%rdx)
    mov %r14, 104(%rdx)
    mov %r15, 112(%rdx)
    mov (%rsp), %rcx
    mov %rcx, 120(%rdx)     // rip
    lea 8(%rsp), %rcx
    mov %rcx, 136(%rdx)     // rsp
    rdfsbase %rcx
    mov %rcx, 144(%rdx)
    rdgsbase %rcx
    mov %rcx, 152(%rdx)
    ret
.size quarry_fork_point, . - quarry_fork_point

// A write to a page that is present may be one that fork shared: quarry_copy_page says. The library's
// own code uses no vector registers, so they are not saved here. Every other upcall goes on.
.global quarry_cow_entry
.type quarry_cow_entry, @function
quarry_cow_entry:
    push %rax
    mov 24(%rsp), %eax      // error
    not %eax
    test $3, %al            // present, write
    jnz other
    cmpq $14, 16(%rsp)
    jne other
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    lea 72(%rsp), %rdi
    push %rbx
    mov %rsp, %rbx
    and $-16, %rsp
    call quarry_copy_page
    mov %rbx, %rsp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    test %al, %al
    jz other
    pop %rax
    add $24, %rsp
    iretq
other:
    pop %rax
    jmp quarry_upcall_entry
.size quarry_cow_entry, . - quarry_cow_entry
