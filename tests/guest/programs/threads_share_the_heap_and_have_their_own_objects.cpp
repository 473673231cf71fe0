// Threads allocate at once from one heap; thread_local objects are each thread's own, initialised and
// destroyed with it.
#include "tests/guest/check.hpp"
#include "user/rt/malloc.hpp"
#include "user/rt/thread.hpp"

#include <atomic>
#include <map>
#include <string>
#include <vector>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::uint64_t threads = 4;
constexpr int rounds = 2000;

thread_local std::uint64_t initialised = 42;
thread_local std::uint64_t zero;
alignas(64) thread_local std::uint64_t aligned = 7;

std::atomic<std::uint64_t> made = 0;
std::atomic<std::uint64_t> destroyed = 0;
struct Counted {
    Counted() { ++made; }
    ~Counted() { ++destroyed; }
    std::string text = "long enough to be allocated from the heap";
};
thread_local Counted counted;

void work(std::uint64_t number) {
    check(initialised == 42 && zero == 0 && aligned == 7, "initial values");
    check(reinterpret_cast<std::uint64_t>(&aligned) % 64 == 0, "alignment");
    initialised = number;
    counted.text += std::to_string(number);
    std::map<std::uint64_t, std::string> map;
    for (int i = 0; i < rounds; ++i) {
        zero += number;
        map[zero % 97] = std::string(zero % 300, static_cast<char>('a' + number));
    }
    for (auto const& [key, text] : map) {
        check(text.find_first_not_of(static_cast<char>('a' + number)) == std::string::npos,
              "nobody else wrote here");
    }
    check(initialised == number && zero == rounds * number, "one's own objects");
}

}  // namespace

int main() {
    {
        std::vector<Thread> running;
        for (std::uint64_t i = 1; i <= threads; ++i) {
            auto thread = Thread::start(work, i);
            check(thread.has_value(), "a thread");
            running.push_back(std::move(*thread));
        }
        work(0);
        for (auto& thread : running) {
            check(thread.join().exit_status == 0, "a thread's end");
        }
    }
    check(made == threads + 1 && destroyed == threads, "the threads' objects are destroyed");
    counted.text.clear();
    counted.text.shrink_to_fit();
    return 0;
}
