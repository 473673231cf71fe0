// An executable file as exec sees it: System V ABI, chapter 5; parsed from its first page.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace quarry::libos {

struct Segment {
    std::uint64_t address = 0;
    std::uint64_t offset = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t memory_bytes = 0;
    std::uint32_t protection = 0;  // PROT_*
};

class Executable {
  public:
    static constexpr std::size_t most_segments = 16;

    // Nothing for what is no x86-64 ELF program whose headers lie in `page`, its first bytes.
    static std::optional<Executable> parse(Bytes page);

    bool is_relocatable() const { return is_relocatable_; }  // a PIE, or a dynamic linker
    std::uint64_t entry() const { return entry_; }
    std::uint64_t headers_address() const { return headers_address_; }
    std::uint64_t header_count() const { return header_count_; }
    std::span<Segment const> segments() const { return std::span(segments_).first(count_); }
    std::uint64_t lowest() const;
    std::uint64_t highest() const;
    // Where in the file the dynamic linker's path lies; no bytes if there is none.
    std::uint64_t linker_offset() const { return linker_offset_; }
    std::uint64_t linker_bytes() const { return linker_bytes_; }

  private:
    std::array<Segment, most_segments> segments_{};
    std::size_t count_ = 0;
    std::uint64_t entry_ = 0;
    std::uint64_t headers_address_ = 0;
    std::uint64_t header_count_ = 0;
    std::uint64_t linker_offset_ = 0;
    std::uint64_t linker_bytes_ = 0;
    bool is_relocatable_ = false;
};

}  // namespace quarry::libos
