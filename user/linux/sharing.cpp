// What a child gets of its parent's memory.
#include "user/linux/memory.hpp"
#include "user/linux/page_runs.hpp"
#include "user/linux/protection.hpp"

#include <cstring>

namespace quarry::libos {
namespace {

abi::Permissions right_of(walk::Run const& run) {
    return (run.kind & walk::present) == 0      ? abi::permission::none
           : (run.kind & walk::no_execute) == 0 ? abi::permission::execute
                                                : abi::permission::read;
}

// Those of a page that is not copied on write.
abi::Permissions permissions_of_run(walk::Run const& run) {
    return ((run.kind & walk::writable) != 0 ? abi::permission::write : right_of(run)) | may_all;
}

Result<void> copy_to(abi::SpaceId child, std::uint64_t page, abi::Permissions permissions) {
    auto const scratch = scratch_page();
    TRY(page_alloc(own_space, {scratch, 1}, abi::permission::write | may_all));
    std::memcpy(reinterpret_cast<void*>(scratch), reinterpret_cast<void const*>(page), page_bytes);
    return page_move(own_space, {scratch, 1}, child, {page}, permissions);
}

}  // namespace

// Region by region, so that nobody reads the entries but the kernel. All pages but those that are copied
// already may be written to, whatever the program may do with them.
Result<void> share_memory(abi::SpaceId child) {
    static_assert(user_top % abi::huge_bytes == 0);
    constexpr abi::ShareMode parting{abi::permission::execute, copy_on_write, {}};
    walk::Regions regions{user_top};
    while (auto const region = regions.next()) {
        TRY(page_share(own_space, {*region, abi::huge_pages}, child, {*region}, parting));
    }
    return {};
}

Result<void> copy_memory(abi::SpaceId child) {
    return each_run(0, user_top, [&](abi::PageRange range, walk::Run const& run) -> Result<void> {
        if (run.is_lent()) {
            return {};
        }
        if ((run.kind & copy_on_write.bits) != 0) {
            return page_map(own_space, range, child, {range.address},
                            right_of(run) | abi::permission::may_execute | copy_on_write);
        }
        // Without the right to read they could not be copied.
        bool const readable = (run.kind & walk::present) != 0;
        if (!readable) {
            TRY(page_protect(own_space, range, abi::permission::read | may_all));
        }
        for (std::uint64_t i = 0; i < range.pages; ++i) {
            TRY(copy_to(child, range.address + i * page_bytes, permissions_of_run(run)));
        }
        return readable ? Result<void>{} : page_protect(own_space, range, may_all);
    });
}

Result<void> lend_memory(abi::SpaceId child) {
    return each_run(0, user_top, [&](abi::PageRange range, walk::Run const& run) -> Result<void> {
        if (run.is_lent()) {
            return {};
        }
        auto const permissions = (run.kind & copy_on_write.bits) != 0
                                     ? right_of(run) | abi::permission::may_execute | copy_on_write
                                     : permissions_of_run(run);
        return page_map(own_space, range, child, {range.address}, permissions);
    });
}

}  // namespace quarry::libos
