// The line that ends a program names it, the fault, and the functions on its stack.
// expect: fault 14
// console: \[fault_report_names_the_functions [0-9a-f]+\] ended: page fault \(write, not mapped\), address 0x10
// console: innermost
// console: outermost
#include "tests/guest/check.hpp"

extern "C" {
[[gnu::noinline]] void innermost(int volatile* where) { *where = 1; }
[[gnu::noinline]] int outermost(int volatile* where) {
    innermost(where);
    asm volatile("" : : : "memory");  // no tail call: the frame stays
    return 1;
}
}

int main() { return outermost(reinterpret_cast<int volatile*>(0x10)); }
