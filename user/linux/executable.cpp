#include "user/linux/executable.hpp"

#include "user/linux/layout.hpp"
#include "user/linux/uapi.hpp"

#include <linux/elf.h>

#include <algorithm>
#include <cstring>

namespace quarry::libos {
namespace {

std::uint32_t protection_of(std::uint32_t flags) {
    return ((flags & PF_R) != 0 ? PROT_READ : 0u) | ((flags & PF_W) != 0 ? PROT_WRITE : 0u) |
           ((flags & PF_X) != 0 ? PROT_EXEC : 0u);
}

bool is_program(Elf64_Ehdr const& header) {
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
           header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
           (header.e_type == ET_EXEC || header.e_type == ET_DYN) && header.e_machine == EM_X86_64 &&
           header.e_phentsize == sizeof(Elf64_Phdr);
}

// Whether a segment lies in user space, and its bytes where its pages can be the file's.
bool is_loadable(Elf64_Phdr const& header) {
    std::uint64_t end = 0;
    std::uint64_t file_end = 0;
    return header.p_filesz <= header.p_memsz &&
           !__builtin_add_overflow(header.p_vaddr, header.p_memsz, &end) && end <= mappings_top &&
           !__builtin_add_overflow(header.p_offset, header.p_filesz, &file_end) &&
           header.p_vaddr % page_bytes == header.p_offset % page_bytes;
}

}  // namespace

std::optional<Executable> Executable::parse(Bytes page) {
    auto const header = read_at<Elf64_Ehdr>(page, 0);
    if (!header || !is_program(*header)) {
        return std::nullopt;
    }
    Executable result;
    result.entry_ = header->e_entry;
    result.header_count_ = header->e_phnum;
    result.is_relocatable_ = header->e_type == ET_DYN;
    std::uint64_t lowest = 0;  // segments ascend
    for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
        auto const program = read_at<Elf64_Phdr>(page, header->e_phoff + i * sizeof(Elf64_Phdr));
        if (!program || header->e_phoff > page.size()) {
            return std::nullopt;
        }
        if (program->p_type == PT_INTERP) {
            result.linker_offset_ = program->p_offset;
            result.linker_bytes_ = program->p_filesz;
        }
        if (program->p_type != PT_LOAD || program->p_memsz == 0) {
            continue;
        }
        if (result.count_ == most_segments || !is_loadable(*program) || program->p_vaddr < lowest) {
            return std::nullopt;
        }
        lowest = program->p_vaddr + program->p_memsz;
        if (header->e_phoff >= program->p_offset &&
            header->e_phoff < program->p_offset + program->p_filesz) {
            result.headers_address_ = header->e_phoff - program->p_offset + program->p_vaddr;
        }
        result.segments_[result.count_++] = {program->p_vaddr, program->p_offset, program->p_filesz,
                                             program->p_memsz, protection_of(program->p_flags)};
    }
    bool const in_place =
        result.count_ != 0 && (result.is_relocatable_ || result.lowest() >= lowest_mapping);
    return in_place ? std::optional{result} : std::nullopt;
}

std::uint64_t Executable::lowest() const { return segments().front().address; }
std::uint64_t Executable::highest() const {
    return segments().back().address + segments().back().memory_bytes;
}

}  // namespace quarry::libos
