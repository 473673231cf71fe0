#include "base/elf.hpp"

namespace quarry {
namespace {

struct FileHeader {
    std::array<std::uint8_t, 16> ident;
    std::uint16_t type;
    std::uint16_t machine;
    std::uint32_t version;
    std::uint64_t entry;
    std::uint64_t program_headers;
    std::uint64_t section_headers;
    std::uint32_t flags;
    std::uint16_t header_bytes;
    std::uint16_t program_header_bytes;
    std::uint16_t program_header_count;
    std::uint16_t section_header_bytes;
    std::uint16_t section_header_count;
    std::uint16_t section_names;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
    std::uint32_t type;
    std::uint32_t flags;
    std::uint64_t offset;
    std::uint64_t address;
    std::uint64_t physical_address;
    std::uint64_t file_bytes;
    std::uint64_t memory_bytes;
    std::uint64_t alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

// A note that says what a program is made for: System V ABI, "Note Section".
struct Note {
    std::uint32_t name_bytes;
    std::uint32_t content_bytes;
    std::uint32_t type;
    std::array<char, 8> name;
    std::array<char, 4> content;
};
constexpr Note jos_note{7, 4, 1, {'Q', 'u', 'a', 'r', 'r', 'y'}, {'J', 'O', 'S'}};

constexpr std::uint32_t type_load = 1;
constexpr std::uint32_t type_note = 4;
constexpr std::uint32_t type_dynamic = 2;
constexpr std::uint32_t type_interpreter = 3;
constexpr std::uint32_t flag_execute = 1;
constexpr std::uint32_t flag_write = 2;

bool is_static_x86_64_executable(FileHeader const& header) {
    constexpr std::array<std::uint8_t, 7> magic{0x7f, 'E', 'L', 'F', 2, 1, 1};
    for (std::size_t i = 0; i < magic.size(); ++i) {
        if (header.ident[i] != magic[i]) {
            return false;
        }
    }
    return header.type == 2 && header.machine == 62 && header.version == 1 &&
           header.program_header_bytes == sizeof(ProgramHeader);
}

Result<ElfSegment> parse_segment(Bytes image, ProgramHeader const& header, UserPage lowest) {
    auto const bytes = slice(image, header.offset, header.file_bytes);
    auto const end = UserAddr{header.address}.checked_add(header.memory_bytes);
    bool const writable = (header.flags & flag_write) != 0;
    bool const executable = (header.flags & flag_execute) != 0;
    // A program's, or what lies in the place of library OSes.
    bool const in_user_space =
        end && (end->raw() <= abi::native_user_top ||
                (header.address >= abi::library_base && end->raw() <= abi::user_end));
    if (!bytes || !in_user_space || header.file_bytes > header.memory_bytes ||
        (writable && executable)) {
        return Error::bad_image;
    }
    auto const first = UserPage::containing(UserAddr{header.address});
    if (first < lowest || header.address < page_bytes) {
        return Error::bad_image;
    }
    auto const offset = header.address % page_bytes;
    return ElfSegment{first,     pages_for(offset + header.memory_bytes), offset, *bytes, writable,
                      executable};
}

}  // namespace

Result<ElfImage> ElfImage::parse(Bytes image) {
    auto const header = read_at<FileHeader>(image, 0);
    if (!header || !is_static_x86_64_executable(*header)) {
        return Error::bad_image;
    }
    ElfImage result;
    UserPage lowest;  // segments ascend and share no page
    for (std::size_t i = 0; i < header->program_header_count; ++i) {
        std::uint64_t at = 0;
        if (__builtin_add_overflow(header->program_headers, i * sizeof(ProgramHeader), &at)) {
            return Error::bad_image;
        }
        auto const program = read_at<ProgramHeader>(image, at);
        if (!program || program->type == type_dynamic || program->type == type_interpreter) {
            return Error::bad_image;
        }
        if (program->type == type_note) {
            auto const note = read_at<Note>(image, program->offset);
            result.is_jos_ = note && note->name == jos_note.name && note->type == jos_note.type &&
                             note->content == jos_note.content;
        }
        if (program->type != type_load || program->memory_bytes == 0) {
            continue;
        }
        if (result.count_ == max_segments) {
            return Error::bad_image;
        }
        auto const segment = TRY(parse_segment(image, *program, lowest));
        lowest = segment.first.plus(segment.pages);
        result.segments_[result.count_++] = segment;
    }
    result.entry_ = UserAddr{header->entry};
    for (auto const& segment : result.segments()) {
        auto const page = UserPage::containing(result.entry_);
        if (segment.executable && page >= segment.first &&
            page < segment.first.plus(segment.pages)) {
            return result;
        }
    }
    return Error::bad_image;
}

}  // namespace quarry
