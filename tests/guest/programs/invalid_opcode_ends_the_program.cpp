// An invalid instruction ends the program.
// expect: fault 6
#include "tests/guest/check.hpp"

int main() {
    asm volatile("ud2");
    quarry::print("the instruction went through\n");
    return 1;
}
