// A fork sees the memory as it was, each sees its own writes, shared pages are seen by both; the heap
// goes on in both; all memory comes back.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"

#include <map>
#include <string>
#include <vector>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::uint64_t shared_at = free_area;
constexpr std::uint64_t huge_at = free_area + (1u << 30);
int global = 1;

int volatile& word_at(std::uint64_t address) { return *reinterpret_cast<int volatile*>(address); }

int child(std::map<int, std::string>& words, int& local) {
    check(global == 1 && local == 2 && words[7] == "seven", "the child sees what was");
    check(word_at(huge_at) == 5, "and large pages");
    global = 10;
    local = 20;
    word_at(shared_at) = 30;
    word_at(huge_at + abi::page_bytes) = 6;
    for (int i = 0; i < 1000; ++i) {
        words[i] = std::string(100, 'c');
    }
    words.clear();
    return 42;
}

}  // namespace

int main() {
    int local = 2;
    std::map<int, std::string> words{{7, "seven"}, {8, "eight"}};
    check(page_alloc(own_space, {shared_at, 1}, abi::permission::write | shared_page).has_value(),
          "a shared page");
    check(page_alloc(own_space, {huge_at, abi::huge_pages},
                     {abi::permission::write, abi::page_option::huge})
              .has_value(),
          "a large page");
    word_at(shared_at) = 3;
    word_at(huge_at) = 5;
    auto forked = fork();
    check(forked.has_value(), "fork works");
    if (!*forked) {
        return child(words, local);
    }
    words[9] = "nine";
    auto const status = (*forked)->wait();
    check(status.exit_status == 42, "the child's checks held");
    check(global == 1 && local == 2 && words.size() == 3, "the parent keeps its own");
    check(word_at(shared_at) == 30, "the shared page is shared");
    check(word_at(huge_at) == 5 && word_at(huge_at + abi::page_bytes) == 0, "the large one is not");
    (*forked)->destroy();
    word_at(huge_at) = 7;
    words[10] = "ten";
    return 0;
}
