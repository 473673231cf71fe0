// A space with an account of its own can use that much, gets an error then, and leaves nothing
// behind.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const before = used_pages();
    auto const child = space_create(50, abi::space_option::none, {"poor", 4});
    check(child.has_value(), "space_create");
    check_error(page_alloc(*child, {free_area, 100}, abi::permission::write), Error::out_of_account,
                "more than the account has");
    std::uint64_t got = 0;
    while (page_alloc(*child, {free_area + got * 4096, 1}, abi::permission::write)) {
        ++got;
    }
    check(got == 50 - 2 - 3, "all but the space's two and three tables");
    check(page_unmap(*child, {free_area, 1}).has_value(), "one back");
    check(page_alloc(*child, {free_area, 1}, abi::permission::write).has_value(), "and again");
    while (!space_destroy_step(*child)) {
    }
    check(used_pages() == before, "the account's pages came back");

    // Everything there is, 512 pages at a time, then one by one.
    std::uint64_t pages = 0;
    auto const take = [&](std::uint64_t count) {
        auto const done =
            page_alloc(own_space, {free_area + pages * 4096, count}, abi::permission::write);
        pages += done ? count : 0;
        return done;
    };
    while (take(512)) {
    }
    auto last = take(1);
    while (last) {
        last = take(1);
    }
    check(last.error() == Error::out_of_frames || last.error() == Error::out_of_account,
          "the error says so");
    for (std::uint64_t done = 0; done < pages; done += 512) {
        check(page_unmap(own_space, {free_area + done * 4096, 512}).has_value(), "unmap");
    }
    check(used_pages() == before, "everything came back");
    return 0;
}
