#include "servers/linux/reserve.hpp"

#include "user/rt/call.hpp"

#include <algorithm>
#include <new>

namespace quarry::server {
namespace {

constexpr abi::PageRange reserve{0x5000'0000'0000, 512};
constinit bool is_used = true;

abi::AccountStatus account() {
    abi::AccountStatus status{};
    (void)account_status(own_space, {&status});
    return status;
}

// What must be free beside the reserve: a sixty-fourth.
std::uint64_t short_pages(abi::AccountStatus const& status) {
    return std::max<std::uint64_t>(status.limit_pages / 64, reserve.pages / 2);
}

std::uint64_t free_pages(abi::AccountStatus const& status) {
    return status.limit_pages - std::min(status.limit_pages, status.used_pages);
}

// The heap found no page: it gets these.
void use_reserve() {
    if (is_used) {
        std::set_new_handler(nullptr);  // no more: the next failure ends the server
        return;
    }
    is_used = true;
    (void)page_unmap(own_space, reserve);
}

}  // namespace

void take_reserve() {
    if (page_alloc(own_space, reserve, abi::permission::write)) {
        is_used = false;
        std::set_new_handler(use_reserve);
    }
}

void refill_reserve() {
    if (!is_used) [[likely]] {
        return;
    }
    auto const status = account();
    if (free_pages(status) > reserve.pages + short_pages(status)) {
        take_reserve();
    }
}

bool memory_is_short() {
    auto const status = account();
    return is_used || free_pages(status) < short_pages(status);
}

std::uint64_t most_file_pages() {
    static std::uint64_t const half = account().limit_pages / 2;
    return half;
}

}  // namespace quarry::server
