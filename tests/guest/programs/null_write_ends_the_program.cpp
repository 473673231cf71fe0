// A write to address zero ends the program with a page fault.
// expect: fault 14
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    (void)test::free_area;
    auto* volatile nowhere = static_cast<int*>(nullptr);
    *const_cast<int volatile*>(nowhere) = 1;
    print("the instruction went through\n");
    return 1;
}
