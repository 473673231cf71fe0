// The part of <stdlib.h> that libc++'s headers name. Only programs link the
// allocation functions; the kernel has no heap.
#ifndef QUARRY_LIBC_STDLIB_H
#define QUARRY_LIBC_STDLIB_H
#include <stddef.h>
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 2147483647
#define MB_CUR_MAX 1
#ifdef __cplusplus
extern "C" {
#endif
typedef struct { int quot, rem; } div_t;
typedef struct { long quot, rem; } ldiv_t;
typedef struct { long long quot, rem; } lldiv_t;
void* malloc(size_t bytes);
void* calloc(size_t count, size_t bytes);
void* realloc(void* block, size_t bytes);
void* aligned_alloc(size_t alignment, size_t bytes);
void free(void* block);
__attribute__((noreturn)) void abort(void);
__attribute__((noreturn)) void exit(int status);
__attribute__((noreturn)) void _Exit(int status);
__attribute__((noreturn)) void quick_exit(int status);
int atexit(void (*function)(void));
int at_quick_exit(void (*function)(void));
char* getenv(char const* name);
int system(char const* command);
int abs(int value);
long labs(long value);
long long llabs(long long value);
div_t div(int a, int b);
ldiv_t ldiv(long a, long b);
lldiv_t lldiv(long long a, long long b);
int atoi(char const* text);
long atol(char const* text);
long long atoll(char const* text);
double atof(char const* text);
double strtod(char const* text, char** end);
float strtof(char const* text, char** end);
long double strtold(char const* text, char** end);
long strtol(char const* text, char** end, int base);
long long strtoll(char const* text, char** end, int base);
unsigned long strtoul(char const* text, char** end, int base);
unsigned long long strtoull(char const* text, char** end, int base);
int rand(void);
void srand(unsigned seed);
void qsort(void* base, size_t count, size_t bytes, int (*compare)(void const*, void const*));
void* bsearch(void const* key, void const* base, size_t count, size_t bytes,
              int (*compare)(void const*, void const*));
int mblen(char const* text, size_t bytes);
#ifdef __cplusplus
}
#endif
#endif
