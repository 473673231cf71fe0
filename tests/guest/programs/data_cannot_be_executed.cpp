// No-execute holds: jumping into a data page faults.
// expect: fault 14
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    (void)test::free_area;
    static unsigned char code[] = {0xc3};
    asm volatile("call *%0" : : "r"(&code[0]) : "memory");
    print("the instruction went through\n");
    return 1;
}
