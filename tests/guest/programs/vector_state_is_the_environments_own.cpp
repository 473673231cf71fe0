// Two environments compute with floating point and switch in between: neither sees the other's
// values.
#include "tests/guest/check.hpp"

#include <array>

namespace {
alignas(16) std::array<std::byte, 16384> stack;
double volatile second_result = 0;

double sum_of_inverses(int from) {
    double sum = 0;
    for (int i = from; i < from + 200; ++i) {
        sum += 1.0 / i;
        (void)quarry::yield();
    }
    return sum;
}

void second(std::uint64_t) {
    second_result = sum_of_inverses(1000);
    quarry::exit_program(0);
}
}  // namespace

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const alone = sum_of_inverses(1);
    auto const top = reinterpret_cast<std::uint64_t>(stack.data() + stack.size() - 8);
    auto const env = env_create(own_space, {reinterpret_cast<std::uint64_t>(&second)}, {top}, 0);
    check(env && env_start(*env), "start");
    auto const together = sum_of_inverses(1);
    (void)yield();
    (void)yield();
    check(env_wait(*env, 0).has_value(), "the second one ends");
    auto const other = double{second_result};
    check(together == alone, "the first one's sum is the same as alone");
    check(other == sum_of_inverses(1000), "the second one's too");
    check(env_destroy(*env).has_value(), "reap");
    return 0;
}
