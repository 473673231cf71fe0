/* The heap of JOS programs is Quarry's own (heap/). */
#ifndef JOS_INC_MALLOC_H
#define JOS_INC_MALLOC_H

#include <inc/types.h>

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *block, size_t bytes);
void free(void *block);

#endif
