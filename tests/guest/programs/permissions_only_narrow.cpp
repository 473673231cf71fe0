// What may not be written cannot become writable; what may can, and back.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    using namespace quarry::abi::permission;
    constexpr auto other = free_area + 0x10000;
    check(page_alloc(own_space, {free_area, 1}, write).has_value(), "alloc");
    check_error(page_protect(own_space, {free_area, 1}, execute), Error::bad_permission,
                "execute without its bit");
    check_error(page_alloc(own_space, {free_area, 1}, abi::Permissions{7}), Error::bad_permission,
                "writable and executable at once");
    check(page_map(own_space, {free_area, 1}, own_space, {other}, read).has_value(),
          "map read-only");
    check_error(page_protect(own_space, {other, 1}, write), Error::bad_permission,
                "an upgrade of a read-only mapping");
    check_error(page_map(own_space, {other, 1}, own_space, {other + 0x1000}, write),
                Error::bad_permission, "a writable map of a read-only mapping");
    check_error(page_protect(own_space, {other, 1}, {write, abi::page_option::if_sole}),
                Error::not_sole, "if_sole on a shared frame");
    check(page_unmap(own_space, {free_area, 1}).has_value(), "unmap the first");
    check(page_protect(own_space, {other, 1}, {write, abi::page_option::if_sole}).has_value(),
          "if_sole on the only mapping");
    auto& number = *reinterpret_cast<int volatile*>(other);
    number = 5;
    check(page_protect(own_space, {other, 1}, read | may_write).has_value(), "write barrier on");
    check(page_protect(own_space, {other, 1}, write).has_value(), "and off again");
    check(page_protect(own_space, {other, 1}, none | may_write).has_value(), "no right at all");
    check(page_protect(own_space, {other, 1}, write).has_value(), "and back");
    check(number == 5, "the contents stayed");
    check(page_protect(own_space, {other, 1}, read).has_value(), "drop may_write");
    check(page_unmap(own_space, {other, 1}).has_value(), "unmap");
    return 0;
}
