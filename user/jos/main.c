/* From the first instruction to umain(), and the end. */
#include "library.h"

const char *binaryname = "<unknown>";
const volatile struct Env *thisenv;

/* abi::Start: the arguments as strings one after the other. */
struct Start {
    char *arguments;
    uint64_t argument_bytes;
};

void jos_main(struct Start const *start) {
    enum { max_arguments = 31 };
    static char *argv[max_arguments + 1];
    int argc = 0;
    char *at = start->arguments;
    char *end = at + start->argument_bytes;
    while (at < end && argc < max_arguments) {
        argv[argc++] = at;
        at += strlen(at) + 1;
    }
    thisenv = &envs[ENVX(sys_getenvid())];
    if (argc > 0) {
        binaryname = argv[0];
    }
    umain(argc, argv);
    exit();
}

void exit(void) {
    sys_env_destroy(0);
    __builtin_trap();
}

void _warn(const char *file, int line, const char *format, ...) {
    va_list list;
    va_start(list, format);
    cprintf("[%08x] user warning in %s at %s:%d: ", sys_getenvid(), binaryname, file, line);
    vcprintf(format, list);
    cprintf("\n");
    va_end(list);
}

/* Ends in the kernel's monitor, by a breakpoint. */
void _panic(const char *file, int line, const char *format, ...) {
    va_list list;
    va_start(list, format);
    cprintf("[%08x] user panic in %s at %s:%d: ", sys_getenvid(), binaryname, file, line);
    vcprintf(format, list);
    cprintf("\n");
    va_end(list);
    for (;;) {
        breakpoint();
    }
}
