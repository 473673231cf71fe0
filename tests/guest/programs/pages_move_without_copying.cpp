// page_move takes contents along and leaves nothing behind.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    using namespace quarry::abi::permission;
    constexpr auto target = free_area + (std::uint64_t{1} << 31);
    check(page_alloc(own_space, {free_area, 300}, write).has_value(), "alloc");
    for (unsigned i = 0; i < 300; ++i) {
        reinterpret_cast<unsigned volatile*>(free_area)[i * 1024] = i;
    }
    check_error(page_move(own_space, {free_area, 300}, own_space, {target}, write | execute),
                Error::bad_permission, "a mask that is writable and executable");
    check(page_move(own_space, {free_area, 300}, own_space, {target}, write).has_value(), "move");
    for (unsigned i = 0; i < 300; ++i) {
        check(reinterpret_cast<unsigned volatile*>(target)[i * 1024] == i, "contents moved");
    }
    check_error(page_map(own_space, {free_area, 1}, own_space, {target}, read), Error::not_mapped,
                "the old place is empty");
    check_error(page_move(own_space, {target, 300}, own_space, {target + 4096}, write),
                Error::bad_range, "overlapping ranges");
    check(page_unmap(own_space, {target, 300}).has_value(), "unmap");
    return 0;
}
