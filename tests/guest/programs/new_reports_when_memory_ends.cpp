// nothrow new and malloc return null when memory ends; plain new asks the handler, then ends the
// program with a line and status 125.
// expect: exit 125
// console: out of memory: operator new of [0-9]+ bytes
#include "tests/guest/check.hpp"

#include <cstdlib>
#include <new>

namespace {
int volatile handler_calls = 0;

// Without this the compiler takes memory that nobody uses as granted.
void* ask(void* block) {
    asm volatile("" : "+r"(block));
    return block;
}
}  // namespace

int main() {
    using namespace quarry;
    using namespace quarry::test;
    std::size_t const too_much = std::size_t{200} << 30;
    check(ask(malloc(too_much)) == nullptr, "malloc gives null");
    check(ask(calloc(too_much, 1'000'000'000)) == nullptr, "calloc overflow gives null");
    check(ask(operator new(too_much, std::nothrow)) == nullptr, "nothrow new gives null");
    std::set_new_handler([] {
        handler_calls = handler_calls + 1;
        if (handler_calls == 3) {
            std::set_new_handler(nullptr);
        }
    });
    operator delete(ask(operator new(too_much)));
    return 0;
}
