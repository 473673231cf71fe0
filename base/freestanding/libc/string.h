// The part of <string.h> that libc++'s headers and the compiler call.
#ifndef QUARRY_LIBC_STRING_H
#define QUARRY_LIBC_STRING_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void* memcpy(void* __restrict to, void const* __restrict from, size_t bytes);
void* memmove(void* to, void const* from, size_t bytes);
void* memset(void* to, int value, size_t bytes);
void* memchr(void const* in, int value, size_t bytes);
int memcmp(void const* a, void const* b, size_t bytes);
size_t strlen(char const* text);
int strcmp(char const* a, char const* b);
int strncmp(char const* a, char const* b, size_t bytes);
int strcoll(char const* a, char const* b);
size_t strxfrm(char* to, char const* from, size_t bytes);
char* strchr(char const* text, int value);
char* strrchr(char const* text, int value);
char* strstr(char const* text, char const* part);
char* strpbrk(char const* text, char const* set);
size_t strspn(char const* text, char const* set);
size_t strcspn(char const* text, char const* set);
char* strtok(char* text, char const* set);
char* strcpy(char* to, char const* from);
char* strncpy(char* to, char const* from, size_t bytes);
char* strcat(char* to, char const* from);
char* strncat(char* to, char const* from, size_t bytes);
char* strerror(int code);
#ifdef __cplusplus
}
#endif
#endif
