// The libc++ containers and helpers that work natively; docs/programs.md lists them.
#include "tests/guest/check.hpp"
#include "user/rt/malloc.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

using quarry::test::check;

void sequences() {
    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::mt19937 random(7);
    std::shuffle(numbers.begin(), numbers.end(), random);
    std::ranges::sort(numbers, [](int a, int b) { return a < b; });
    check(numbers[500] == 500, "vector and sort");
    std::deque<std::string> texts;
    for (std::size_t i = 0; i < 200; ++i) {
        texts.push_front(std::string(i, 'x'));
    }
    check(texts.front().size() == 199 && texts.back().empty(), "deque of strings");
    std::list<int> list{3, 1, 2};
    list.sort();
    std::forward_list<int> forward(list.begin(), list.end());
    check(list.front() == 1 && *forward.begin() == 1, "list and forward_list");
    std::priority_queue<int> queue;
    queue.push(4);
    queue.push(9);
    check(queue.top() == 9, "priority_queue");
    std::span<int const> const part = std::span(numbers).subspan(10, 5);
    check(part[0] == 10 && part.size() == 5, "span");
}

void associative() {
    std::map<std::string, int> ages{{"ada", 36}, {"alan", 41}};
    ages["grace"] = 85;
    check(ages.begin()->first == "ada" && ages.size() == 3, "map");
    std::set<int> set{5, 1, 5, 3};
    check(set.size() == 3 && *set.begin() == 1, "set");
    std::unordered_map<int, std::string> names;
    for (int i = 0; i < 1000; ++i) {
        names[i] = "n";
    }
    check(names.size() == 1000 && names.contains(999), "unordered_map");
}

void values() {
    std::optional<std::string> maybe;
    check(!maybe, "empty optional");
    maybe = "something longer than the small string buffer";
    std::variant<int, std::string> either = *maybe;
    check(std::get<std::string>(either) == *maybe, "variant");
    auto owner = std::make_unique<std::array<int, 100>>();
    check(owner != nullptr, "unique_ptr");
    int base = 40;
    std::function<int(int)> const add = [&base](int n) { return base + n; };
    check(add(2) == 42, "function");
    std::pmr::vector<int> pooled(100, 1, quarry::heap_resource());
    check(std::accumulate(pooled.begin(), pooled.end(), 0) == 100, "pmr");
}

}  // namespace

int main() {
    sequences();
    associative();
    values();
    check(quarry::heap_statistics().in_use_bytes == 0, "everything was freed");
    return 0;
}
