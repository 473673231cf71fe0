// A delete that is told a size of another class is reported, and ends the program.
// expect: fault 6
// console: slab: the size that delete was told is not the block's: [0-9a-f]+
#include "tests/guest/check.hpp"

#include <new>

int main() {
    void* volatile block = operator new(64);
    void* volatile larger = operator new(96);
    operator delete(larger, 96);
    operator delete(block, 96);
    quarry::print("the instruction went through\n");
    return 1;
}
