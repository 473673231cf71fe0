// A double free is reported with its address and ends the program.
// expect: fault 6
// console: slab: double free: [0-9a-f]+
#include "tests/guest/check.hpp"

#include <cstdlib>

int main() {
    void* volatile block = malloc(64);
    free(block);
    free(block);
    quarry::print("the instruction went through\n");
    return 1;
}
