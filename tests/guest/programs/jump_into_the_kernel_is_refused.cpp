// A jump to a kernel address faults in user mode.
// expect: fault 14
#include "tests/guest/check.hpp"

int main() {
    asm volatile("jmp *%0" : : "r"(0xffffffff81000000));
    quarry::print("the instruction went through\n");
    return 1;
}
