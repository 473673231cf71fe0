// libc++ looks for mbstate_t here before it gives up.
#ifndef QUARRY_LIBC_MBSTATE_T_H
#define QUARRY_LIBC_MBSTATE_T_H
typedef struct { unsigned state; } mbstate_t;
#endif
