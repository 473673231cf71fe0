// The kernel half is not readable.
// expect: fault 14
#include "tests/guest/check.hpp"

int main() {
    (void)*reinterpret_cast<unsigned char volatile*>(0xffffffff81000000);
    quarry::print("the instruction went through\n");
    return 1;
}
