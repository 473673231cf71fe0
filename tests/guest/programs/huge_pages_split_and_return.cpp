// A 2 MiB frame is handled whole, and after a split page by page.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    using namespace quarry::abi::permission;
    auto const before = used_pages();
    check(page_alloc(own_space, {free_area, 512}, {write, abi::page_option::huge}).has_value(),
          "alloc");
    auto* const bytes = reinterpret_cast<unsigned char volatile*>(free_area);
    bytes[5 * 4096] = 7;
    check_error(page_unmap(own_space, {free_area, 1}), Error::huge_page, "unmap of a part");
    check_error(
        page_map(own_space, {free_area + 4096, 1}, own_space, {free_area + (1 << 22)}, read),
        Error::huge_page, "map of a part");
    check(page_split(own_space, {free_area}).has_value(), "split");
    check(bytes[5 * 4096] == 7, "the contents stayed");
    check(page_unmap(own_space, {free_area, 5}).has_value(), "unmap of a part after the split");
    check(bytes[5 * 4096] == 7, "its neighbour stayed");
    check(page_unmap(own_space, {free_area, 512}).has_value(), "unmap the rest");
    check(used_pages() == before, "everything came back");
    return 0;
}
