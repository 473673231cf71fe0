// From the boot protocol's 32-bit mode to 64-bit C++. Two entries: PVH (Xen's documentation,
// "x86/HVM direct boot ABI"; ebx = start info) and Multiboot2 (its specification, section 3.2;
// eax = magic, ebx = information). Nothing here can fault before the 64-bit IDT is loaded: the
// tables are static, and a processor without long mode is told so.

#include "arch/x86_64/layout.hpp"

.section .multiboot2, "a"
.balign 8
multiboot2_header:
    .long 0xe85250d6, 0, multiboot2_end - multiboot2_header
    .long -(0xe85250d6 + 0 + (multiboot2_end - multiboot2_header))
    // entry address of this kernel (tag 3)
    .balign 8
    .short 3, 0
    .long 12, multiboot2_entry
    // a framebuffer is welcome, text mode is enough (tag 5, optional)
    .balign 8
    .short 5, 1
    .long 20, 1024, 768, 32
    // modules page-aligned (tag 6)
    .balign 8
    .short 6, 0
    .long 8
    .balign 8
    .short 0, 0
    .long 8
multiboot2_end:

// XEN_ELFNOTE_PHYS32_ENTRY: where `qemu -kernel` starts.
.section .note.Xen, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh_entry

.section .boot.text, "ax"
.code32
.global pvh_entry
pvh_entry:
    mov $BOOT_PROTOCOL_PVH, %edi
    jmp start
.global multiboot2_entry
multiboot2_entry:
    mov $BOOT_PROTOCOL_MULTIBOOT2, %edi
start:
    cli
    cld
    mov $(boot_stack_top - KERNEL_BASE), %esp
    mov %ebx, %esi

    // Long mode there? CPUID 0x80000001, EDX bit 29.
    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc no_long_mode

    // The first 4 GiB in 2 MiB pages, at 0 and in the direct map; the first one at KERNEL_BASE too.
    mov $(boot_pd - KERNEL_BASE), %ebx
    mov $0x83, %eax
    xor %ecx, %ecx
1:  mov %eax, (%ebx,%ecx,8)
    movl $0, 4(%ebx,%ecx,8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jne 1b
    movl $(boot_pd - KERNEL_BASE + 0x0003), boot_pdpt_low - KERNEL_BASE
    movl $(boot_pd - KERNEL_BASE + 0x1003), boot_pdpt_low - KERNEL_BASE + 8
    movl $(boot_pd - KERNEL_BASE + 0x2003), boot_pdpt_low - KERNEL_BASE + 16
    movl $(boot_pd - KERNEL_BASE + 0x3003), boot_pdpt_low - KERNEL_BASE + 24
    movl $(boot_pd - KERNEL_BASE + 3), boot_pdpt_high - KERNEL_BASE + 510 * 8
    movl $(boot_pdpt_low - KERNEL_BASE + 3), kernel_pml4 - KERNEL_BASE
    movl $(boot_pdpt_low - KERNEL_BASE + 3), kernel_pml4 - KERNEL_BASE + 256 * 8
    movl $(boot_pdpt_high - KERNEL_BASE + 3), kernel_pml4 - KERNEL_BASE + 511 * 8

    // SDM volume 3A, section 9.8.5: PAE, CR3, EFER.LME, paging.
    mov $0x20, %eax
    mov %eax, %cr4
    mov $(kernel_pml4 - KERNEL_BASE), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov $0x80010033, %eax   // PG WP NE ET MP PE
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $long_mode

no_long_mode:
    mov $no_long_mode_text, %esi
2:  lodsb
    test %al, %al
    jz 3f
    mov $0x3f8, %dx
    out %al, %dx
    jmp 2b
3:  hlt
    jmp 3b

.code64
long_mode:
    mov $0x10, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    movabs $boot_stack_top, %rsp
    xor %ebp, %ebp
    // edi: protocol, esi: its information
    movabs $quarry_boot, %rax
    call *%rax
4:  hlt
    jmp 4b

.section .boot.data, "a"
.balign 8
boot_gdt:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long boot_gdt
no_long_mode_text:
    .asciz "Quarry needs a 64-bit processor (long mode); this one has none.\r\n"

.section .bss
.balign 4096
.global kernel_pml4
kernel_pml4:    .skip 4096
.global boot_pdpt_low
boot_pdpt_low:  .skip 4096
boot_pdpt_high: .skip 4096
boot_pd:        .skip 16384
boot_stack:     .skip 16384
boot_stack_top:
