// What may not be written cannot become writable; what may can, and back.
#include "tests/guest/check.hpp"
#include "user/rt/walk.hpp"

namespace {

using namespace quarry;
using namespace quarry::test;
using namespace quarry::abi::permission;

// page_share takes what it is told to from both places, but where the tag spares a page.
void shared_pages_are_parted() {
    constexpr auto page = abi::page_bytes;
    constexpr auto there = free_area + 0x100000;
    check(page_alloc(own_space, {free_area, 1}, write | may_execute).has_value(), "writable");
    check(page_alloc(own_space, {free_area + page, 1}, execute).has_value(), "executable");
    check(page_alloc(own_space, {free_area + 3 * page, 1}, write | tag(2)).has_value(), "spared");
    constexpr abi::ShareMode mode{execute | may_execute, tag(4), tag(2)};
    check(page_share(own_space, {free_area, 4}, own_space, {there}, mode).has_value(), "share");
    for (auto const at : {free_area, there}) {
        auto const permissions = [&](std::uint64_t index) {
            return walk::permissions_of(walk::find_entry(at + index * page));
        };
        check(permissions(0) == (read | may_execute | tag(4)), "the right to write is gone");
        check(permissions(1) == (execute | may_execute), "what may not be written is as it was");
        check(permissions(2) == none, "a hole stays one");
        check(permissions(3) == (write | may_write | tag(2)), "a spared page is as it was");
        check_error(page_protect(own_space, {at, 1}, write), Error::bad_permission, "for good");
    }
    *reinterpret_cast<int volatile*>(there + 3 * page) = 7;
    check(*reinterpret_cast<int volatile*>(free_area + 3 * page) == 7, "it is one page");
    check(page_unmap(own_space, {free_area, 4}).has_value(), "unmap");
    check(page_unmap(own_space, {there, 4}).has_value(), "unmap there");
}

}  // namespace

int main() {
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
    shared_pages_are_parted();
    return 0;
}
