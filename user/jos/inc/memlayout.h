/* Where things lie in a JOS address space of 64 bits, and what of the kernel programs can see. */
#ifndef JOS_INC_MEMLAYOUT_H
#define JOS_INC_MEMLAYOUT_H

#ifndef __ASSEMBLER__
#include <inc/mmu.h>
#include <inc/types.h>
#endif

#define GD_KT 0x08
#define GD_KD 0x10
#define GD_UD 0x20
#define GD_UT 0x28

#define KERNBASE 0x8004000000
#define ULIM 0x8003c00000

/* The program's own part ends here. Above its stack a page is left free, then the exception stack. */
#define UTOP 0x8000800000
#define UXSTACKTOP UTOP
#define USTACKTOP (UTOP - 2 * PGSIZE)

#define UTEXT 0x800000
#define UTEMP ((void *)PTSIZE)
#define PFTEMP ((void *)(2 * PTSIZE - PGSIZE))
#define USTABDATA (PTSIZE / 2)

/* Arrays that every program may read. */
#define UENVS 0x7f8040000000
#define UPAGES 0x7f8040200000

/* The program's own page tables: each level as one array over the whole address space. */
#define UVPT 0x10000000000
#define UVPD 0x10080000000
#define UVPDE 0x10080400000
#define UVPML4E 0x10080402000

#ifndef __ASSEMBLER__

typedef uint64_t pte_t;
typedef uint64_t pde_t;
typedef uint64_t pdpe_t;
typedef uint64_t pml4e_t;

/* The linker script says where; the names without u are those of older JOS. */
extern volatile pte_t uvpt[], vpt[];
extern volatile pde_t uvpd[], vpd[];
extern volatile pdpe_t uvpde[], vpde[];
extern volatile pml4e_t uvpml4e[], vpml4e[];

/* Of one frame of memory; see pageref(). */
struct PageInfo {
    uint64_t pp_counts;
    uint64_t pp_kernel;
};

#endif
#endif
