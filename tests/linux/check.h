// What a test of Linux calls says. It prints the same on Linux and in Quarry, and ends with 0 if all held.
#ifndef CHECK_H
#define CHECK_H
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(holds)                                                                       \
    do {                                                                                   \
        if (!(holds)) {                                                                    \
            printf("line %d: expected: %s (errno %d)\n", __LINE__, #holds, errno);         \
            fflush(stdout);                                                                \
            _exit(1);                                                                      \
        }                                                                                  \
    } while (0)
#define ERROR(call, number)                                                                \
    do {                                                                                   \
        errno = 0;                                                                         \
        long const result_ = (long)(call);                                                 \
        if (result_ != -1 || errno != (number)) {                                          \
            printf("line %d: %s: %ld, errno %d, expected %d\n", __LINE__, #call, result_,  \
                   errno, (number));                                                       \
            fflush(stdout);                                                                \
            _exit(1);                                                                      \
        }                                                                                  \
    } while (0)
#define DONE                 \
    do {                     \
        printf("all held\n"); \
        return 0;            \
    } while (0)
#endif
