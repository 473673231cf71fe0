// Constructors of static objects run before main, destructors after it.
// console: constructed
// console: in main
// console: destroyed
#include "tests/guest/check.hpp"

namespace {
struct Noisy {
    Noisy() { quarry::print("constructed\n"); }
    ~Noisy() { quarry::print("destroyed\n"); }
    int value = 5;
};
Noisy noisy;
}  // namespace

int main() {
    quarry::print("in main\n");
    return noisy.value == 5 ? 0 : 1;
}
