/* Pages, their entries, and flags of the processor that programs name. Intel SDM volume 3A,
   sections 2.3 and 4.5. */
#ifndef JOS_INC_MMU_H
#define JOS_INC_MMU_H

#include <inc/types.h>

#define PGSIZE 4096
#define PGSHIFT 12
#define PTSIZE (PGSIZE * NPTENTRIES) /* what one table maps: 2 MiB */
#define PTSHIFT 21
#define NPTENTRIES 512
#define NPDENTRIES 512
#define NPDPENTRIES 512
#define NPMLENTRIES 512

#define PTXSHIFT 12
#define PDXSHIFT 21
#define PDPESHIFT 30
#define PML4SHIFT 39

/* Page number, and index into uvpt. */
#define PGNUM(la) (((uintptr_t)(la)) >> PGSHIFT)
#define PPN(pa) PGNUM(pa)
#define VPN(la) PGNUM(la)
/* Indices into uvpd, uvpde and uvpml4e, each of which covers the whole address space. */
#define PDX(la) (((uintptr_t)(la)) >> PDXSHIFT)
#define VPD(la) PDX(la)
#define VPDPE(la) (((uintptr_t)(la)) >> PDPESHIFT)
#define VPML4E(la) (((uintptr_t)(la)) >> PML4SHIFT)
#define PDPE(la) (VPDPE(la) & 0x1ff)
#define PML4(la) (VPML4E(la) & 0x1ff)
#define PTX(la) (PGNUM(la) & 0x1ff)
#define PGOFF(la) (((uintptr_t)(la)) & 0xfff)

#define PTE_P 0x001
#define PTE_W 0x002
#define PTE_U 0x004
#define PTE_PWT 0x008
#define PTE_PCD 0x010
#define PTE_A 0x020
#define PTE_D 0x040
#define PTE_PS 0x080
#define PTE_G 0x100
#define PTE_AVAIL 0xe00 /* the program's own */
#define PTE_SYSCALL (PTE_AVAIL | PTE_P | PTE_W | PTE_U)
#define PTE_ADDR(pte) ((physaddr_t)(pte) & 0x000ffffffffff000ull)

#define FL_CF 0x00000001
#define FL_PF 0x00000004
#define FL_AF 0x00000010
#define FL_ZF 0x00000040
#define FL_SF 0x00000080
#define FL_TF 0x00000100
#define FL_IF 0x00000200
#define FL_DF 0x00000400
#define FL_OF 0x00000800
#define FL_IOPL_MASK 0x00003000
#define FL_IOPL_0 0x00000000
#define FL_IOPL_3 0x00003000

#define FEC_PR 0x1
#define FEC_WR 0x2
#define FEC_U 0x4

#endif
