// A program that sets the trap flag is ended by the debug exception.
// expect: fault 1
#include "tests/guest/check.hpp"

int main() {
    asm volatile("pushfq; orl $0x100, (%%rsp); popfq; nop" : : : "memory", "cc");
    quarry::print("the instruction went through\n");
    return 1;
}
