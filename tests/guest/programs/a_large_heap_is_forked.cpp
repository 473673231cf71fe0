// A program of 20,000 pages forks; parent and child write every hundredth of them.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"

#include <vector>

using namespace quarry;
using namespace quarry::test;

int main() {
    constexpr std::size_t pages = 20'000;
    constexpr std::size_t words = abi::page_bytes / sizeof(std::uint64_t);
    std::vector<std::uint64_t> memory(pages * words);
    for (std::size_t i = 0; i < pages; ++i) {
        memory[i * words] = i;
    }
    auto forked = fork();
    check(forked.has_value(), "fork works");
    std::uint64_t const mine = *forked ? 1'000'000 : 2'000'000;
    for (std::size_t i = 0; i < pages; i += 100) {
        memory[i * words] += mine;
    }
    for (std::size_t i = 0; i < pages; ++i) {
        check(memory[i * words] == i + (i % 100 == 0 ? mine : 0), "each sees its own writes");
    }
    if (!*forked) {
        return 0;
    }
    check((*forked)->wait().exit_status == 0, "the child saw its own");
    return 0;
}
