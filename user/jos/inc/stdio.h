/* Printing and the console. The formats: %d %i %u %o %x %p %c %s %e %%, with -, 0, #, a width, a
   precision, l and ll. %e prints an error code's meaning. */
#ifndef JOS_INC_STDIO_H
#define JOS_INC_STDIO_H

#include <inc/stdarg.h>
#include <inc/types.h>

void cputchar(int c);
int getchar(void); /* waits for a key */
int iscons(int fd);

void printfmt(void (*put)(int, void *), void *to, const char *format, ...);
void vprintfmt(void (*put)(int, void *), void *to, const char *format, va_list);
int cprintf(const char *format, ...);
int vcprintf(const char *format, va_list);
int printf(const char *format, ...);
int fprintf(int fd, const char *format, ...);
int snprintf(char *to, int bytes, const char *format, ...);
int vsnprintf(char *to, int bytes, const char *format, va_list);

/* A line from the console, without its end; NULL if there will be none. Overwritten by the next. */
char *readline(const char *prompt);

#endif
