// keys: quarry
// prompt: type:
// console: you typed 'quarry'
#include <inc/lib.h>

void umain(int argc, char **argv) { cprintf("you typed '%s'\n", readline("type: ")); }
