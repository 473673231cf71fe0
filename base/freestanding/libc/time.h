// Types that <chrono> names; clocks come from user/rt.
#ifndef QUARRY_LIBC_TIME_H
#define QUARRY_LIBC_TIME_H
#include <stddef.h>
typedef long time_t;
typedef long clock_t;
struct timespec { time_t tv_sec; long tv_nsec; };
#endif
