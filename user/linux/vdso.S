// The shared object that Linux's kernel maps into every program (vdso(7)): programs look for it, and
// some libraries fail without. Its functions are plain system calls.
.macro call_of name, number
    .global \name
    .type \name, @function
\name:
    .cfi_startproc
    mov $\number, %eax
    syscall
    ret
    .cfi_endproc
    .size \name, . - \name
.endm

.text
call_of __vdso_gettimeofday, 96
call_of __vdso_time, 201
call_of __vdso_clock_gettime, 228
call_of __vdso_clock_getres, 229
call_of __vdso_getcpu, 309
.section .note.GNU-stack,"",@progbits
