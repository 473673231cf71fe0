// A program that holds ten thousand pages in scattered places ends; the suite checks that all came
// back.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    for (std::uint64_t i = 0; i < 20; ++i) {
        check(
            page_alloc(own_space, {free_area + (i << 33), 500}, abi::permission::write).has_value(),
            "alloc");
    }
    return 0;
}
