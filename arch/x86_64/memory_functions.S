// The functions that the compiler calls on its own. With ERMS a string instruction is the shortest
// and fast; under an emulator it is one instruction.
.section .text.memory, "ax"
.global memcpy
memcpy:
    mov %rdi, %rax
    mov %rdx, %rcx
    rep movsb
    ret
.global memmove
memmove:
    mov %rdi, %rax
    mov %rdx, %rcx
    mov %rdi, %r8
    sub %rsi, %r8
    cmp %rdx, %r8       // unsigned: below only if the target begins inside the source
    jb 1f
    rep movsb
    ret
1:  lea -1(%rdi,%rdx), %rdi
    lea -1(%rsi,%rdx), %rsi
    std
    rep movsb
    cld
    ret
.global memset
memset:
    mov %rdi, %r8
    mov %esi, %eax
    mov %rdx, %rcx
    rep stosb
    mov %r8, %rax
    ret
.global memcmp
memcmp:
    xor %eax, %eax
    mov %rdx, %rcx
    test %rcx, %rcx
    jz 2f
    repe cmpsb
    je 2f
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    sub %ecx, %eax
2:  ret
.global memchr
memchr:
    mov %esi, %eax
    mov %rdx, %rcx
    test %rcx, %rcx
    jz 5f
    repne scasb
    jne 5f
    lea -1(%rdi), %rax
    ret
5:  xor %eax, %eax
    ret
.global strlen
strlen:
    xor %eax, %eax
3:  cmpb $0, (%rdi,%rax)
    je 4f
    inc %rax
    jmp 3b
4:  ret
