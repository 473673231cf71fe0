// nothrow new and malloc return null when memory ends; plain new asks the handler, then ends the
// program with a line and status 125. expect: exit 125 console: out of memory: operator new of
// [0-9]+ bytes
#include "tests/guest/check.hpp"

#include <cstdlib>
#include <new>

namespace {
int volatile handler_calls = 0;
}

int main() {
    using namespace quarry;
    using namespace quarry::test;
    // Volatile: else the compiler takes unused memory as granted.
    std::size_t volatile too_much = std::size_t{200} << 30;
    check(malloc(too_much) == nullptr, "malloc gives null");
    check(calloc(too_much, 1'000'000'000) == nullptr, "calloc overflow gives null");
    check(operator new(too_much, std::nothrow) == nullptr, "nothrow new gives null");
    std::set_new_handler([] {
        handler_calls = handler_calls + 1;
        if (handler_calls == 3) {
            std::set_new_handler(nullptr);
        }
    });
    operator delete(operator new(too_much));
    return 0;
}
