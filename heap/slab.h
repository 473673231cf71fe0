/* What libslab has beyond the C library's malloc. */
#ifndef QUARRY_SLAB_H
#define QUARRY_SLAB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the heap holds, in bytes where nothing else is said. While other threads allocate, the figures
   are of no single moment; blocks that a thread has at hand for its next requests count as in use. */
struct slab_statistics {
    uint64_t in_use;         /* blocks in use, at their class's size */
    uint64_t held;           /* pages taken and not returned, metadata included */
    uint64_t metadata;       /* of them */
    uint64_t large_blocks;   /* how many are beyond 32 KiB */
    uint64_t large;          /* their pages */
    uint64_t pages_taken;    /* from the system, so far */
    uint64_t pages_returned; /* to it */
};
void slab_get_statistics(struct slab_statistics* to);

/* The same, and each size class, as one JSON object in one line; allocates nothing. With SLAB_STATS=1
   in its environment a program ends so, on its standard error. */
void slab_write_statistics(int file_descriptor);

/* Appends what the heap's memory looks like to a file, as a line of JSON; tools/heapmap.py draws one or
   several. 0, or what errno says. With SLAB_HEAPMAP=path a program ends so. */
int slab_dump(char const* path);

/* Calls handler(bytes) when there is no memory for so many; if it gives something else than 0, for it has freed
   some, it is tried again. Of the whole process; a null pointer takes it away. For operator new there is
   std::set_new_handler, too, which is asked after this one. */
void slab_set_out_of_memory_handler(int (*handler)(size_t bytes));

/* Writes a profile of what is in use to a file, by samples, one for every SLAB_PROFILE_RATE bytes that were
   asked for (512 KiB). `pprof program file` reads it. 0, or what errno says. Samples are taken in programs
   that have SLAB_PROFILE=path (then a profile is written at their end, too) or SLAB_LEAKS=1 (then what is
   still in use at their end is listed on their standard error) in their environment. */
int slab_write_profile(char const* path);

#ifdef __cplusplus
}
#endif

#endif
