#include "kernel/loader.hpp"

#include "abi/start.hpp"
#include "base/cpio.hpp"
#include "base/elf.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace quarry {
namespace {

constexpr auto stack_perms = PagePerms::of(abi::permission::write);

PagePerms perms_of(ElfSegment const& segment) {
    if (segment.writable) {
        return PagePerms::of(abi::permission::write);
    }
    return segment.executable ? PagePerms::of(abi::permission::execute)
                              : PagePerms::of(abi::permission::read);
}

// JOS knows no execute permission: what is not writable is executable, and what is may be.
PagePerms jos_perms_of(ElfSegment const& segment) {
    return segment.writable ? PagePerms::of(abi::permission::write | abi::permission::may_execute)
                            : PagePerms::of(abi::permission::execute);
}

Result<void> alloc_pages(Space& space, UserPage first, std::uint64_t pages, PagePerms perms) {
    for (std::uint64_t done = 0; done < pages; done += abi::max_range_pages) {
        auto const count = std::min<std::uint64_t>(pages - done, abi::max_range_pages);
        TRY(page_alloc(space.mapped(), {first.plus(done), count}, perms, FrameSize::page,
                       IfAbsent::yes));
    }
    return {};
}

// Copies into pages that were just allocated, through the direct map.
void write_pages(Space& space, UserPage page, std::size_t offset, Bytes bytes) {
    while (!bytes.empty()) {
        auto const slot = space.mapped().tables.find(page);
        auto const target = machine::frame_bytes(slot.entry->frame()).subspan(offset);
        auto const count = std::min(bytes.size(), target.size());
        std::ranges::copy(bytes.first(count), target.begin());
        bytes = bytes.subspan(count);
        page = page.plus(1);
        offset = 0;
    }
}

Result<void> load(Space& space, ElfImage const& image) {
    for (auto const& segment : image.segments()) {
        auto const perms = image.is_jos() ? jos_perms_of(segment) : perms_of(segment);
        TRY(alloc_pages(space, segment.first, segment.pages, perms));
        write_pages(space, segment.first, segment.offset_in_page, segment.bytes);
    }
    return {};
}

bool is_in_start_area(ElfSegment const& segment) {
    return abi::is_in_start_area(segment.first.start().raw(), segment.pages * page_bytes);
}

// Maps the archive's frames, which the kernel holds for ever, read-only.
Result<void> map_archive(Memory& memory, Space& space, BootArchive archive) {
    auto const first = UserPage::containing(UserAddr{abi::archive_base});
    for (std::uint64_t i = 0; i < pages_for(archive.bytes.size()); ++i) {
        auto const frame = archive.first.plus(i);
        auto const tables = space.mapped().tables.missing({first.plus(i), 1}, 0);
        auto charge = TRY(Charge::make(memory.accounts, space.account(), 1 + tables));
        auto reserve = TRY(TableReserve::allocate(memory, tables));
        FrameRef::adopt(memory, frame).keep();
        Mappings::add(memory, UserFrame{frame}, space.account());
        auto const slot = space.mapped().tables.make(memory, first.plus(i), 0, reserve);
        PageTables::exchange(
            memory, slot, Pte::leaf(UserFrame{frame}, PagePerms::of(abi::permission::read), false));
        charge.keep();
    }
    return {};
}

// The arguments, each ended by NUL, at the end of the stack, below them the Start record.
Result<UserAddr> write_start(Space& space, std::uint64_t stack_end, std::string_view command_line,
                             abi::Start start) {
    if (command_line.size() > abi::max_argument_bytes) {
        return Error::bad_argument;
    }
    std::array<char, abi::max_argument_bytes + 1> text{};
    std::size_t bytes = 0;
    for (char const c : command_line) {
        bool const blank = c == ' ';
        if (!blank || (bytes != 0 && text[bytes - 1] != '\0')) {
            text[bytes++] = blank ? '\0' : c;
        }
    }
    if (bytes != 0 && text[bytes - 1] != '\0') {
        ++bytes;
    }
    auto const last_page = UserPage::containing(UserAddr{stack_end - page_bytes});
    std::size_t const text_at = page_bytes - (bytes + 15) / 16 * 16;
    std::size_t const start_at = text_at - sizeof(abi::Start);
    start.arguments = last_page.start().raw() + text_at;
    start.argument_bytes = bytes;
    write_pages(space, last_page, text_at, std::as_bytes(std::span(text).first(bytes)));
    write_pages(space, last_page, start_at, std::as_bytes(std::span(&start, 1)));
    return UserAddr{last_page.start().raw() + start_at};
}

}  // namespace

Result<void> load_first_program(Kernel& kernel, BootArchive archive,
                                std::string_view command_line) {
    auto const name = command_line.substr(0, command_line.find(' '));
    auto const program = Archive{archive.bytes}.find(name);
    if (!program) {
        return Error::not_found;
    }
    auto const image = TRY(ElfImage::parse(*program));
    if (!image.is_jos() && std::ranges::any_of(image.segments(), is_in_start_area)) {
        return Error::bad_image;
    }
    // The archive's frames are charged too, though they are not among the allocator's.
    auto const limit = kernel.memory.frames.total_frames() + pages_for(archive.bytes.size());
    auto const form = image.is_jos() ? SpaceForm::jos() : SpaceForm::native();
    auto& space = *TRY(kernel.create_root_space(limit, form, name));
    kernel.archive = archive.bytes;
    TRY(load(space, image));
    abi::Start start{};
    if (!image.is_jos()) {
        TRY(map_archive(kernel.memory, space, archive));
        start.archive = abi::archive_base;
        start.archive_bytes = archive.bytes.size();
    }
    auto const stack_end = image.is_jos() ? abi::jos_stack_top : abi::stack_top;
    auto const stack_pages = image.is_jos() ? abi::jos_stack_pages : abi::stack_pages;
    auto const stack = UserPage::containing(UserAddr{stack_end - stack_pages * page_bytes});
    TRY(alloc_pages(space, stack, stack_pages, stack_perms));
    auto const record = TRY(write_start(space, stack_end, command_line, start));
    auto* const environment =
        TRY(kernel.create_environment(space, image.entry(), record, record.raw()));
    kernel.start(*environment);
    return {};
}

}  // namespace quarry
