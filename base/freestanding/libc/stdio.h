// Programs print through user/rt; libc++ needs only these names.
#ifndef QUARRY_LIBC_STDIO_H
#define QUARRY_LIBC_STDIO_H
#include <stdarg.h>
#include <stddef.h>
#define EOF (-1)
typedef struct quarry_file FILE;
typedef long fpos_t;
#ifdef __cplusplus
extern "C" {
#endif
int remove(char const* path);
int vsnprintf(char* to, size_t bytes, char const* format, va_list arguments);
int snprintf(char* to, size_t bytes, char const* format, ...);
#ifdef __cplusplus
}
#endif
#endif
