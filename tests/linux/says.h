// A call with what it answers, a line each: what Linux says is in answers/.
#ifndef SAYS_H
#define SAYS_H
#include "check.h"
#include "error_name.h"
#include <sys/syscall.h>

static void says(char const* call, long result) {
    if (result == -1) {
        printf("%s: %s\n", call, error_name());
    } else {
        printf("%s: %s\n", call, result == 0 ? "0" : "done");
    }
}
#define SAYS(name, ...) says(#name "(" #__VA_ARGS__ ")", syscall(SYS_##name, ##__VA_ARGS__))
#endif
