// A buffer that cannot be read or written is an error of the call, never the program's end.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const at = [](std::uint64_t address) { return reinterpret_cast<void*>(address); };
    check_error(console_write({at(free_area), 10}), Error::bad_buffer, "not mapped");
    check_error(console_write({at(0), 1}), Error::bad_buffer, "null");
    check_error(console_write({at(0xffffffff81000000), 10}), Error::bad_buffer, "kernel memory");
    check_error(console_write({at(0xffff800000000000), 10}), Error::bad_buffer, "direct map");
    check_error(console_write({at(~std::uint64_t{0} - 4), 100}), Error::bad_buffer, "wrapping");
    check_error(console_write({at(0x400000), ~std::uint64_t{0}}), Error::bad_buffer, "endless");
    auto const status_at = [&](std::uint64_t address) {
        return account_status(own_space, {static_cast<abi::AccountStatus*>(at(address))});
    };
    check_error(status_at(0x400000), Error::bad_buffer, "a target that is read-only");
    check(page_alloc(own_space, {free_area, 1}, abi::permission::write).has_value(), "alloc");
    check_error(status_at(free_area + 4096 - 8), Error::bad_buffer,
                "a target that ends in nothing");
    check(page_unmap(own_space, {free_area, 1}).has_value(), "unmap");
    return 0;
}
