// Floating-point classes that <cmath> names. No function here is linked: neither
// the kernel nor the native runtime computes with floating point.
#ifndef QUARRY_LIBC_MATH_H
#define QUARRY_LIBC_MATH_H
#define FP_NAN 0
#define FP_INFINITE 1
#define FP_ZERO 2
#define FP_SUBNORMAL 3
#define FP_NORMAL 4
#define HUGE_VAL __builtin_huge_val()
#define HUGE_VALF __builtin_huge_valf()
#define HUGE_VALL __builtin_huge_vall()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
typedef float float_t;
typedef double double_t;
#endif
