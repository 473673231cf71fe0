// UMIP holds: sgdt in user mode is a general protection fault.
// expect: fault 13
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    (void)test::free_area;
    unsigned char table[10];
    asm volatile("sgdt %0" : "=m"(table));
    print("the instruction went through\n");
    return 1;
}
