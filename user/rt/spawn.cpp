#include "user/rt/spawn.hpp"

#include "base/elf.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace quarry {
namespace {

abi::PageRange range_of(UserPage first, std::uint64_t pages) {
    return {first.start().raw(), pages};
}

// Allocates pages in the child, filled through a window of our own.
Result<void> fill_pages(abi::SpaceId child, UserPage first, std::uint64_t pages, std::size_t offset,
                        Bytes bytes, abi::Permissions perms) {
    auto* const scratch = reinterpret_cast<std::byte*>(abi::scratch_base);
    for (std::uint64_t done = 0; done < pages;) {
        auto const count = std::min<std::uint64_t>(pages - done, abi::max_range_pages);
        auto const window = abi::PageRange{abi::scratch_base, count};
        TRY(page_alloc(own_space, window, abi::permission::write | abi::permission::may_execute));
        auto const room = count * abi::page_bytes - offset;
        auto const part = bytes.first(std::min<std::size_t>(bytes.size(), room));
        std::memcpy(scratch + offset, part.data(), part.size());
        bytes = bytes.subspan(part.size());
        offset = 0;
        auto const mapped =
            page_map(own_space, window, child, {first.plus(done).start().raw()}, perms);
        TRY(page_unmap(own_space, window));  // whether or not the child could have them
        TRY(mapped);
        done += count;
    }
    return {};
}

}  // namespace

Result<void> load_image(abi::SpaceId child, ElfImage const& image) {
    for (auto const& segment : image.segments()) {
        auto const perms = segment.writable     ? abi::permission::write
                           : segment.executable ? abi::permission::execute
                                                : abi::permission::read;
        TRY(fill_pages(child, segment.first, segment.pages, segment.offset_in_page, segment.bytes,
                       perms));
    }
    return {};
}

namespace {

bool is_in_start_area(ElfSegment const& segment) {
    return abi::is_in_start_area(segment.first.start().raw(), segment.pages * abi::page_bytes);
}

Result<void> share_archive(abi::SpaceId child) {
    auto const pages = pages_for(boot_archive_bytes().size());
    for (std::uint64_t done = 0; done < pages; done += abi::max_range_pages) {
        auto const count = std::min<std::uint64_t>(pages - done, abi::max_range_pages);
        auto const at = abi::archive_base + done * abi::page_bytes;
        TRY(page_map(own_space, {at, count}, child, {at}, abi::permission::read));
    }
    return {};
}

// The stack, with the Start record and the arguments in its last page. Returns the record's
// address.
Result<std::uint64_t> make_stack(abi::SpaceId child, std::string_view program,
                                 std::string_view arguments) {
    if (program.size() + arguments.size() + 2 > abi::max_argument_bytes) {
        return Error::bad_argument;
    }
    std::array<std::byte, abi::page_bytes> page{};
    auto* const text = reinterpret_cast<char*>(page.data()) + sizeof(abi::Start);
    std::memcpy(text, program.data(), program.size());
    auto length = program.size() + 1;
    for (char const c : arguments) {
        text[length++] = c == ' ' ? '\0' : c;
    }
    length += arguments.empty() ? 0 : 1;

    auto const first =
        UserPage::containing(UserAddr{abi::stack_top - abi::stack_pages * abi::page_bytes});
    auto const last = first.plus(abi::stack_pages - 1);
    auto const record_at = last.start().raw();
    abi::Start const start{record_at + sizeof(abi::Start), length, abi::archive_base,
                           boot_archive_bytes().size()};
    std::memcpy(page.data(), &start, sizeof(start));
    TRY(page_alloc(child, range_of(first, abi::stack_pages - 1), abi::permission::write));
    TRY(fill_pages(child, last, 1, 0, page, abi::permission::write));
    return record_at;
}

}  // namespace

abi::EnvStatus Child::wait() const {
    abi::EnvStatus status{};
    auto ended = env_wait(env_, 0);
    while (!ended && ended.error() == Error::interrupted) {
        ended = env_wait(env_, 0);
    }
    (void)env_status(env_, {&status});
    return status;
}

void Child::destroy() {
    if (space_ == abi::SpaceId{}) {
        return;
    }
    for (auto done = space_destroy_step(space_); !done && done.error() == Error::again;) {
        done = space_destroy_step(space_);
    }
    space_ = {};
}

Result<Child> spawn(std::string_view program, std::string_view arguments,
                    std::uint64_t account_pages) {
    auto const file = find_file(program);
    if (!file) {
        return Error::not_found;
    }
    auto const image = TRY(ElfImage::parse(*file));
    if (std::ranges::any_of(image.segments(), is_in_start_area)) {
        return Error::bad_image;
    }
    auto const space =
        TRY(space_create(account_pages, rt::space_options, {program.data(), program.size()}));
    Child child{space, {}};  // destroys the space if anything below fails
    TRY(load_image(space, image));
    TRY(share_archive(space));
    auto const record = TRY(make_stack(space, program, arguments));
    child.env_ = TRY(env_create(space, {image.entry().raw()}, {record}, record));
    TRY(env_start(child.env_));
    return child;
}

}  // namespace quarry
