// int3 has no handler yet: it ends the program.
// expect: fault 3
#include "tests/guest/check.hpp"

int main() {
    asm volatile("int3");
    quarry::print("the instruction went through\n");
    return 1;
}
