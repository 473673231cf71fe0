// Where another processor begins: copied to TRAMPOLINE, below 1 MiB, because a start-up interrupt
// can only name such a page (SDM volume 3A, section 8.4.3). From real mode to 64-bit C++ in one go.

#include "arch/x86_64/layout.hpp"

#define AT(label) (label - quarry_trampoline + TRAMPOLINE)

.section .rodata.trampoline, "a"
.balign 16
.global quarry_trampoline
quarry_trampoline:
.code16
    cli
    cld
    xor %ax, %ax
    mov %ax, %ds
    lgdtl AT(trampoline_gdt_pointer)
    mov $0x20, %eax         // PAE
    mov %eax, %cr4
    mov AT(trampoline_root), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x900, %eax         // LME, NXE
    wrmsr
    mov $0x80010033, %eax   // PG WP NE ET MP PE
    mov %eax, %cr0
    ljmpl $8, $AT(trampoline_long)
.code64
trampoline_long:
    mov $0x10, %eax
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov AT(trampoline_stack), %rsp
    mov AT(trampoline_processor), %rdi
    mov AT(trampoline_function), %rax
    xor %ebp, %ebp
    call *%rax
1:  hlt
    jmp 1b

.balign 8
trampoline_gdt:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
trampoline_gdt_pointer:
    .short . - trampoline_gdt - 1
    .long AT(trampoline_gdt)
.balign 8
// Filled in for each processor: struct TrampolineWords.
.global quarry_trampoline_words
quarry_trampoline_words:
trampoline_root:      .quad 0
trampoline_stack:     .quad 0
trampoline_processor: .quad 0
trampoline_function:  .quad 0
.global quarry_trampoline_end
quarry_trampoline_end:
