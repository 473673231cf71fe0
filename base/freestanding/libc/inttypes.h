// Format macros for integers are not used here; <charconv> writes numbers.
#ifndef QUARRY_LIBC_INTTYPES_H
#define QUARRY_LIBC_INTTYPES_H
#include <stdint.h>
typedef struct { intmax_t quot, rem; } imaxdiv_t;
#endif
