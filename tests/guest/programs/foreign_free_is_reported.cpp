// A free of memory that is not the heap's is reported.
// expect: fault 6
// console: slab: free of a pointer that is not this heap's: [0-9a-f]+
#include "tests/guest/check.hpp"

#include <cstdlib>

int main() {
    int local = 0;
    int* volatile pointer = &local;
    free(pointer);
    quarry::print("the instruction went through\n");
    return 1;
}
