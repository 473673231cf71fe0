// What the kernel knows about one 4 KiB frame, in 16 bytes. Set up when the frame is first handed
// out, so that boot does not grow with memory.
#pragma once

#include "base/address.hpp"

#include <cstddef>
#include <cstdint>

namespace quarry {

enum class FrameKind : std::uint8_t {
    free = 0,
    user,    // a 4 KiB frame that programs map
    huge,    // the first of 512 frames that programs map as one
    table,   // a page table
    object,  // a space or an environment
};

// Index into the account table; 0 is nobody.
using AccountIndex = std::uint16_t;

struct FrameMeta {
    // Of user and huge frames: who allocated it, how often that account's spaces map it and how
    // often others do. DESIGN.md, "Accounts".
    std::uint64_t owner : 16 = 0;
    std::uint64_t owner_mappings : 24 = 0;
    std::uint64_t other_mappings : 24 = 0;
    std::uint32_t link = 0;  // next in whichever list holds the frame
    std::uint16_t live = 0;  // of tables: entries in use
    FrameKind kind = FrameKind::free;
    std::uint8_t holders = 0;  // references the kernel itself has (boot archive)

    std::uint64_t references() const { return owner_mappings + other_mappings + holders; }
};
static_assert(sizeof(FrameMeta) == 16);

// A frame's mapping counts are 24 bits; a mapping that would overflow one is refused.
inline constexpr std::uint64_t max_mappings = (1u << 24) - 1;

}  // namespace quarry
