// A non-canonical address is a general protection fault.
// expect: fault 13
#include "tests/guest/check.hpp"

int main() {
    (void)*reinterpret_cast<unsigned char volatile*>(0x8000000000000000);
    quarry::print("the instruction went through\n");
    return 1;
}
