// A free into the middle of a block is reported.
// expect: fault 6
// console: slab: free of a pointer into the middle of a block: [0-9a-f]+
#include "tests/guest/check.hpp"

#include <cstdlib>

int main() {
    auto* volatile block = static_cast<char*>(malloc(64));
    free(block + 16);
    quarry::print("the instruction went through\n");
    return 1;
}
