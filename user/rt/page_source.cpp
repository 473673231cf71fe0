#include "user/rt/page_source.hpp"

#include "user/rt/console.hpp"
#include "user/rt/program.hpp"
#include "user/rt/random.hpp"

#include <algorithm>

namespace quarry {
namespace {

std::uint64_t address_of(std::byte const* at) { return reinterpret_cast<std::uint64_t>(at); }

// Calls page_call(address, pages) for each part of at most 512 pages.
template <typename PageCall>
Result<void> each_part(std::byte const* at, std::size_t bytes, PageCall page_call) {
    for (std::size_t done = 0; done < bytes;) {
        auto const part = std::min(bytes - done, abi::max_range_pages * abi::page_bytes);
        TRY(page_call(abi::PageRange{address_of(at) + done, part / abi::page_bytes}));
        done += part;
    }
    return {};
}

}  // namespace

std::byte* QuarrySource::reserve(std::size_t) {
    return reinterpret_cast<std::byte*>(abi::heap_base);
}

slab::Committed QuarrySource::commit(std::byte* at, std::size_t bytes) {
    auto const done = each_part(at, bytes, [](abi::PageRange range) {
        return page_alloc(own_space, range, abi::permission::write);
    });
    if (!done) {
        decommit(at, bytes);  // what the first parts got
        return slab::Committed::failed;
    }
    return slab::Committed::zeroed;
}

void QuarrySource::decommit(std::byte* at, std::size_t bytes) {
    auto const done =
        each_part(at, bytes, [](abi::PageRange range) { return page_unmap(own_space, range); });
    if (!done) {
        quarry::fail("the heap's own pages could not be unmapped");
    }
}

bool QuarrySource::remap(std::byte* from, std::byte* to, std::size_t bytes) {
    auto const distance = address_of(to) - address_of(from);
    std::size_t moved = 0;
    auto const done = each_part(from, bytes, [&](abi::PageRange range) -> Result<void> {
        TRY(page_move(own_space, range, own_space, {range.address + distance},
                      abi::permission::write));
        moved += range.pages * abi::page_bytes;
        return {};
    });
    if (!done && moved != 0) {
        (void)remap(to, from, moved);  // within an account that had them
    }
    return done.has_value();
}

void QuarrySource::release(std::byte*, std::size_t) {}

std::uint64_t QuarrySource::entropy() { return random_word() ^ env_self()->value << 32; }

void QuarrySource::fail(char const* what, void const* pointer, std::size_t block_bytes) {
    print("\nslab: {}: {:x}, block of {} bytes\n", what, pointer, block_bytes);
    // A trap, not an exit: the kernel's report then shows who called.
    __builtin_trap();
}

}  // namespace quarry
