// A division by zero ends the program.
// expect: fault 0
#include "tests/guest/check.hpp"

int main() {
    unsigned result = 1;
    asm volatile("divl %1" : "+a"(result) : "r"(0), "d"(0));
    quarry::print("the instruction went through\n");
    return 1;
}
