// in and out are for the kernel.
// expect: fault 13
#include "tests/guest/check.hpp"

int main() {
    asm volatile("outb %%al, $0xf4" : : "a"(0));
    quarry::print("the instruction went through\n");
    return 1;
}
