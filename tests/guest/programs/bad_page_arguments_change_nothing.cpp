// Wrong addresses, counts, spaces and bits get the documented error.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    using namespace quarry::abi::permission;
    auto const before = used_pages();
    auto const refused = [](std::uint64_t address, std::uint64_t pages, Error error,
                            std::string_view what) {
        check_error(page_alloc(own_space, {address, pages}, write), error, what);
    };
    refused(free_area + 1, 1, Error::bad_address, "unaligned");
    refused(free_area, 0, Error::bad_range, "no pages");
    refused(free_area, 513, Error::bad_range, "too many");
    refused(~std::uint64_t{0xfff}, 1, Error::bad_address, "a kernel address");
    refused(abi::canonical_limit, 1, Error::bad_address, "not canonical");
    refused(abi::native_user_top, 1, Error::bad_address, "at the user top");
    refused(abi::native_user_top - 4096, 2, Error::bad_address, "across the user top");
    check_error(page_alloc(own_space, {free_area, 1}, abi::Permissions{1 << 5}),
                Error::bad_argument, "an unknown permission bit");
    check_error(page_unmap(abi::SpaceId{12345}, {free_area, 1}), Error::not_found, "no such space");
    check_error(page_alloc(own_space, {free_area, 1}, {write, abi::page_option::if_sole}),
                Error::bad_argument, "an option of another call");
    check_error(page_alloc(own_space, {free_area, 100}, {write, abi::page_option::huge}),
                Error::bad_range, "a huge page of another size");
    check_error(page_protect(own_space, {free_area, 1}, read), Error::not_mapped, "nothing there");
    constexpr abi::ShareMode parting{execute, tag(4), tag(2)};
    auto const share_refused = [&](std::uint64_t pages, std::uint64_t to, abi::ShareMode mode,
                                   Error error, std::string_view what) {
        check_error(page_share(own_space, {abi::program_base, pages}, own_space, {to}, mode), error,
                    what);
    };
    abi::ShareMode unknown;
    unknown.bits = 1 << 5;
    share_refused(1, free_area, unknown, Error::bad_argument, "an unknown bit of a share");
    share_refused(1, free_area, {abi::Permissions{7}, {}, {}}, Error::bad_permission,
                  "rights to keep that no page has together");
    share_refused(1, abi::program_base, parting, Error::bad_range, "a share of a page with itself");
    share_refused(1, abi::native_user_top, parting, Error::bad_address, "a share to the user top");
    share_refused(1, abi::stack_top - 4096, parting, Error::already_mapped,
                  "a share to where something is");
    check_error(
        page_share(own_space, {abi::program_base, 1}, {abi::SpaceId{12345}}, {free_area}, parting),
        Error::not_found, "a share with no such space");
    check_error(space_create(~std::uint64_t{0}, abi::space_option::none, {}), Error::out_of_account,
                "too much to split off");
    check_error(env_create(own_space, {~std::uint64_t{0}}, {0}, 0), Error::bad_address,
                "a kernel entry");
    check(used_pages() == before, "nothing was taken");
    return 0;
}
