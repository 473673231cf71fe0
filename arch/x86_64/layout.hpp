// The kernel's half of the address space. Read by C++ and by the assembler.
#pragma once

#define KERNEL_BASE 0xffffffff80000000
#define DIRECT_MAP_BASE 0xffff800000000000
// One 2 MiB region mapped page by page: device registers, kernel stacks and their guard pages.
#define FIXED_BASE 0xffffffffc0000000

// Where other processors begin: a page below 1 MiB; the next one holds their first tables.
#define TRAMPOLINE 0x8000

#define BOOT_PROTOCOL_PVH 1
#define BOOT_PROTOCOL_MULTIBOOT2 2

#define KERNEL_CODE_SELECTOR 0x08
#define KERNEL_DATA_SELECTOR 0x10
#define USER_DATA_SELECTOR 0x23
#define USER_CODE_SELECTOR 0x2b
#define TSS_SELECTOR 0x30

// Offsets into Processor (processor.hpp) and SavedState, asserted there.
#define PROCESSOR_USER_RSP 0
#define PROCESSOR_STACK 8
#define PROCESSOR_SELF 16
#define PROCESSOR_CURRENT 200
// Of Environment, whose first member is SavedState.
#define SAVED_RBP 64
#define SAVED_VECTOR 120
#define SAVED_RIP 136
#define SAVED_RFLAGS 152
#define SAVED_RSP 160
#define SAVED_END 176
#define UPCALL_ENTRY 208
#define UPCALL_STACK 216
#define UPCALL_STACK_BYTES 224
#define UPCALL_FOREIGN_ENTRY 232
