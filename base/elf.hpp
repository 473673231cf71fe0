// Parses a static ELF64 program (System V ABI, chapters 4 and 5; AMD64 supplement) into a plan that
// cannot be wrong: page-aligned, disjoint, ascending segments inside user space whose bytes lie
// inside the image. Used by the kernel's loader and by user/rt's spawn.
#pragma once

#include "abi/layout.hpp"
#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace quarry {

struct ElfSegment {
    UserPage first;
    std::uint64_t pages = 0;
    std::uint64_t offset_in_page = 0;  // where in the first page the bytes begin
    Bytes bytes;                       // what to copy; the rest is zero
    bool writable = false;
    bool executable = false;
};

class ElfImage {
  public:
    static constexpr std::size_t max_segments = 16;

    // bad_image for anything but a well-formed static x86-64 executable below the native user top.
    static Result<ElfImage> parse(Bytes image);

    // Whether a note of its own says that it is a JOS program (user/jos).
    bool is_jos() const { return is_jos_; }
    UserAddr entry() const { return entry_; }
    std::span<ElfSegment const> segments() const { return std::span(segments_).first(count_); }

  private:
    UserAddr entry_;
    std::array<ElfSegment, max_segments> segments_{};
    std::size_t count_ = 0;
    bool is_jos_ = false;
};

}  // namespace quarry
