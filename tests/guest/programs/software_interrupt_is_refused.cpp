// int 14 is no way to forge a page fault.
// expect: fault 13
#include "tests/guest/check.hpp"

int main() {
    asm volatile("int $14");
    quarry::print("the instruction went through\n");
    return 1;
}
