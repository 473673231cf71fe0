// cli in user mode is a general protection fault.
// expect: fault 13
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    (void)test::free_area;
    asm volatile("cli");
    print("the instruction went through\n");
    return 1;
}
