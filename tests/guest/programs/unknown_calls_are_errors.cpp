// A native number without a call is bad_call; a foreign number is Linux's ENOSYS.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const error = [](Error e) {
        return ~std::uint64_t{0} - static_cast<std::uint64_t>(e) + 1;
    };
    check(rt::raw_call(0x8000'003f) == error(Error::bad_call), "a slot without a call");
    check(rt::raw_call(0x8000'0040) == error(Error::bad_call), "past the table");
    check(rt::raw_call(0x8000'0fff) == error(Error::bad_call), "the last native number");
    constexpr auto enosys = ~std::uint64_t{38} + 1;
    check(rt::raw_call(0x8000'1000) == enosys, "past the native numbers");
    check(rt::raw_call(0) == enosys && rt::raw_call(39) == enosys, "Linux's numbers");
    check(rt::raw_call(~std::uint64_t{0}) == enosys, "the largest number");
    check(rt::raw_call(0xffff'ffff'8000'0000) == enosys, "a sign-extended native number");
    return 0;
}
