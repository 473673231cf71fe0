// Types that <chrono> names; clocks come from user/rt.
#ifndef QUARRY_LIBC_TIME_H
#define QUARRY_LIBC_TIME_H
#include <stddef.h>
typedef long time_t;
typedef long clock_t;
#ifndef _STRUCT_TIMESPEC  // as <linux/time.h> asks
#define _STRUCT_TIMESPEC 1
struct timespec { time_t tv_sec; long tv_nsec; };
#endif
#endif
