// Above the control pages and the views pages can be had, as below the user top; at the borders around
// that place they cannot.
#include "abi/view.hpp"
#include "tests/guest/check.hpp"

#include <cstring>

namespace {
using namespace quarry;
using namespace quarry::test;

constexpr std::uint64_t page = abi::page_bytes;

void refused(std::uint64_t address, std::uint64_t pages, std::string_view what) {
    check_error(page_alloc(own_space, {address, pages}, abi::permission::write), Error::bad_address,
                what);
}
}  // namespace

int main() {
    check(page_alloc(own_space, {abi::library_base, 2}, abi::permission::write).has_value(),
          "pages at its beginning");
    auto* const text = reinterpret_cast<char*>(abi::library_base + page - 3);
    std::memcpy(text, "there\n", 6);  // across the border of two pages
    auto const written = console_write({text, 6});
    check(written && *written == 6, "the kernel reads there");
    auto* const status = reinterpret_cast<abi::AccountStatus*>(abi::library_base + 64);
    check(account_status(own_space, {status}).has_value() && status->used_pages != 0,
          "and writes there");
    constexpr auto last = abi::user_end - page;
    check(page_alloc(own_space, {last, 1}, abi::permission::write).has_value(), "its last page");
    check(
        page_move(own_space, {last, 1}, own_space, {free_area}, abi::permission::write).has_value(),
        "pages move in and out");

    refused(abi::library_base - page, 1, "below its beginning");
    refused(abi::library_base - page, 2, "across its beginning");
    refused(last, 2, "across its end");
    refused(abi::user_end, 1, "behind its end");
    refused(abi::self_map_user_top - page, 2, "across the user top");
    refused(abi::views_base, 1, "the views");
    refused(abi::control_address(*env_self()), 1, "the control pages");
    check_error(
        account_status(own_space, {reinterpret_cast<abi::AccountStatus*>(abi::user_end - 8)}),
        Error::bad_buffer, "a buffer across its end");

    check(page_unmap(own_space, {abi::library_base, 2}).has_value() &&
              page_unmap(own_space, {free_area, 1}).has_value(),
          "given back");
    return 0;
}
