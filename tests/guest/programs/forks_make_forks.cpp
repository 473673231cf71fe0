// A thousand forks inside forks, one below the other, each with a word of its own in a heap of many
// pages.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"

#include <vector>

using namespace quarry;
using namespace quarry::test;

namespace {

// Each generation has several children one after the other; the last one goes on below. Returns how
// many there were.
int grow(std::vector<int>& depths, int depth) {
    constexpr int generations = 40;
    constexpr int children = 25;
    int total = 0;
    for (int i = 0; depth < generations && i < children; ++i) {
        bool const goes_on = i == children - 1;
        auto forked = fork();
        check(forked.has_value(), "another fork");
        if (!*forked) {
            depths[static_cast<std::size_t>(depth) * 600] = depth + 1;
            int const below = goes_on ? grow(depths, depth + 1) : 0;
            for (int j = 0; j <= depth; ++j) {
                check(depths[static_cast<std::size_t>(j) * 600] == j + 1, "what ancestors wrote");
            }
            exit_program(below + 1);
        }
        auto const status = (*forked)->wait();
        check(status.cause == abi::EndCause::exited, "a child ends well");
        total += static_cast<int>(status.exit_status);
        check(depths[static_cast<std::size_t>(depth) * 600] == 0, "the child's write is its own");
    }
    return total;
}

}  // namespace

int main() {
    std::vector<int> depths(600 * 64);
    int const total = grow(depths, 0);
    check(total == 1000, "a thousand forks");
    return 0;
}
