/* The basic types of JOS programs, for a 64-bit machine. */
#ifndef JOS_INC_TYPES_H
#define JOS_INC_TYPES_H

#ifndef NULL
#define NULL ((void *)0)
#endif

#ifndef __cplusplus
typedef _Bool bool;
enum { false, true };
#endif

typedef __INT8_TYPE__ int8_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __INT16_TYPE__ int16_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __INT32_TYPE__ int32_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT64_TYPE__ uint64_t;

typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;
typedef __PTRDIFF_TYPE__ off_t;
typedef uint64_t physaddr_t;
typedef uint64_t ppn_t;

#define MIN(a, b)               \
    ({                          \
        __typeof__(a) _a = (a); \
        __typeof__(b) _b = (b); \
        _a <= _b ? _a : _b;     \
    })
#define MAX(a, b)               \
    ({                          \
        __typeof__(a) _a = (a); \
        __typeof__(b) _b = (b); \
        _a >= _b ? _a : _b;     \
    })

/* To the nearest multiple of n, keeping the type. */
#define ROUNDDOWN(a, n)                                 \
    ({                                                  \
        uint64_t _value = (uint64_t)(a);                \
        (__typeof__(a))(_value - _value % (uint64_t)(n)); \
    })
#define ROUNDUP(a, n)                                                   \
    ({                                                                  \
        uint64_t _step = (uint64_t)(n);                                 \
        (__typeof__(a))(ROUNDDOWN((uint64_t)(a) + _step - 1, _step));   \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define offsetof(type, member) __builtin_offsetof(type, member)

#endif
