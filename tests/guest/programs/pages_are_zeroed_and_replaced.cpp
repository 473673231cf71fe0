// page_alloc maps zeroed frames, replaces what was there and gives its frame back.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto* const words = reinterpret_cast<std::uint64_t volatile*>(free_area);
    check(page_alloc(own_space, {free_area, 1}, abi::permission::write).has_value(), "alloc");
    auto const used = used_pages();
    for (unsigned i = 0; i < 512; ++i) {
        check(words[i] == 0, "a fresh page is zero");
        words[i] = i + 1;
    }
    check(page_alloc(own_space, {free_area, 1}, abi::permission::write).has_value(), "replace");
    check(words[7] == 0, "the new page is zero");
    check(used_pages() == used, "the old frame came back");
    check_error(page_alloc(own_space, {free_area, 1},
                           {abi::permission::write, abi::page_option::if_absent}),
                Error::already_mapped, "if_absent on a mapped page");
    check(page_unmap(own_space, {free_area, 1}).has_value(), "unmap");
    check(page_unmap(own_space, {free_area, 1}).has_value(), "unmap of nothing succeeds");
    return 0;
}
