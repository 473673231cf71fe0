// Below the stack nothing is mapped.
// expect: fault 14
#include "tests/guest/check.hpp"

int main() {
    asm volatile("1: push %%rax; jmp 1b" : : : "memory");
    quarry::print("the instruction went through\n");
    return 1;
}
