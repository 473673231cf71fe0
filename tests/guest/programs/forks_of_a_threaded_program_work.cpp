// One thread forks again and again while others allocate and write: each child is a copy of one
// moment, its heap is usable, and the others go on.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"
#include "user/rt/thread.hpp"

#include <atomic>
#include <vector>

using namespace quarry;
using namespace quarry::test;

namespace {

std::atomic<bool> stop = false;
// Written one after the other, on pages of their own: no copy may have the second ahead.
struct alignas(4096) Counter {
    std::atomic<std::uint64_t> value = 0;
};
Counter first;
Counter second;

void allocate_and_count(std::uint64_t) {
    std::vector<std::vector<int>*> kept;
    while (!stop) {
        (void)yield();  // an emulator runs one processor at a time, until it pauses
        ++first.value;
        ++second.value;
        kept.push_back(new std::vector<int>(first.value % 100 + 1));
        if (kept.size() > 20) {
            for (auto* const one : kept) {
                delete one;
            }
            kept.clear();
        }
    }
    for (auto* const one : kept) {
        delete one;
    }
}

int be_child() {
    auto const before = second.value.load();
    if (first.value < before || first.value > before + 1) {
        return 2;  // not of one moment
    }
    std::vector<int> numbers(1000, 1);
    for (int i = 0; i < 100; ++i) {
        numbers.push_back(i);
    }
    auto own = Thread::start([](std::uint64_t) { delete new int(1); });
    return own && own->join().exit_status == 0 && first.value - before <= 1 ? 0 : 3;
}

}  // namespace

int main() {
    auto one = Thread::start(allocate_and_count);
    check(one.has_value(), "a thread");
    for (int i = 0; i < 20; ++i) {
        auto child = fork();
        check(child.has_value(), "fork");
        if (!*child) {
            exit_program(be_child());
        }
        auto const status = (*child)->wait();
        check(status.cause == abi::EndCause::exited && status.exit_status == 0, "a usable child");
        (*child)->destroy();
        auto const now = first.value.load();
        while (first.value == now) {
            (void)yield();
        }
    }
    stop = true;
    check(one->join().exit_status == 0, "the other thread goes on");
    return 0;
}
