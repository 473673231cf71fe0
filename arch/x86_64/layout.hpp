// The kernel's half of the address space. Read by C++ and by the assembler.
#pragma once

#define KERNEL_BASE 0xffffffff80000000
#define DIRECT_MAP_BASE 0xffff800000000000
// One 2 MiB region mapped page by page: device registers, kernel stacks and their guard pages.
#define FIXED_BASE 0xffffffffc0000000
// The frames' metadata, at most 512 MiB; here too, so that instructions hold its address.
#define METADATA_BASE 0xffffffffa0000000

// Where other processors begin: a page below 1 MiB; the next one holds their first tables.
#define TRAMPOLINE 0x8000

#define BOOT_PROTOCOL_PVH 1
#define BOOT_PROTOCOL_MULTIBOOT2 2

#define KERNEL_CODE_SELECTOR 0x08
#define KERNEL_DATA_SELECTOR 0x10
#define USER_DATA_SELECTOR 0x23
#define USER_CODE_SELECTOR 0x2b
#define TSS_SELECTOR 0x30

// Offsets into Processor, SavedState, Environment, Space and their tables, asserted in processor.cpp.
#define PROCESSOR_USER_RSP 0
#define PROCESSOR_STACK 8
#define PROCESSOR_SELF 16
#define PROCESSOR_RSP0 100
#define PROCESSOR_CURRENT 200
#define PROCESSOR_RUNNING 208
#define PROCESSOR_ACTIVE_SPACE 240
#define PROCESSOR_OTHER_SPACE 248
#define PROCESSOR_YIELDER 256
#define YIELDER_SLOT_OFFSET 8
#define YIELDER_BY_DETOUR_BYTE 7
// Of Environment, whose first member is SavedState.
#define SAVED_RBP 64
#define SAVED_VECTOR 120
#define SAVED_RIP 136
#define SAVED_RFLAGS 152
#define SAVED_RSP 160
#define SAVED_END 176
#define SAVED_FS_BASE 176
#define SAVED_GS_BASE 184
#define SAVED_VECTOR_AREA 192
#define UPCALL_ENTRY 208
#define UPCALL_STACK 216
#define UPCALL_STACK_BYTES 224
#define UPCALL_FOREIGN_ENTRY 232
#define ENVIRONMENT_ID 248
#define ENVIRONMENT_SLOT_OFFSET 264
#define ENVIRONMENT_READY_FOR 272
#define ENVIRONMENT_DETOURS 280
#define ENVIRONMENT_ON 288
#define ENVIRONMENT_SPACE 680
#define ENVIRONMENT_READY_FOR_ANYONE 1
#define ENVIRONMENT_WITH_VECTORS_BIT 15
#define ENVIRONMENT_DETOUR_VECTORS 8
#define SPACE_ROOT_ADDRESS 944
#define KERNEL_ENVIRONMENTS 0
#define SLOT_LOCK 0
#define SLOT_OBJECT 8
#define SLOT_ID 16
#define SLOT_SHIFT 6 /* of its size, which is a view's too */
#define SLOT_MASK 0xfff
#define VIEW_STATUS 16
#define VIEW_NOT_RUNNABLE 4

// Calls that entry code makes itself, and those whose words need no move.
#define YIELD_TO 30
#define IPC_CALL 33
#define IPC_REPLY_RECEIVE 36
#define CALLS_OF_FEW_WORDS 865422344111
