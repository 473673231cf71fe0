// A program cannot write its own code.
// expect: fault 14
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    (void)test::free_area;
    *reinterpret_cast<unsigned char volatile*>(reinterpret_cast<std::uintptr_t>(&main) & ~1ull) = 0;
    print("the instruction went through\n");
    return 1;
}
