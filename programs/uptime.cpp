// Says how long the machine has been up: under -icount, how many instructions since the kernel
// began.
#include "user/rt/console.hpp"

int main() {
    auto const now = quarry::clock_nanoseconds();
    quarry::print("up for {} ns\n", now ? *now : 0);
    return now ? 0 : 1;
}
