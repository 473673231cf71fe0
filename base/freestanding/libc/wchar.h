// Wide characters are configured off; libc++ still names these.
#ifndef QUARRY_LIBC_WCHAR_H
#define QUARRY_LIBC_WCHAR_H
#include <bits/types/mbstate_t.h>
#include <stddef.h>
#define WEOF ((wint_t)-1)
typedef unsigned wint_t;
#endif
