// Every error a native system call can return. Part of the binary interface: a value, once given,
// keeps its meaning.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace quarry::abi {

enum class Error : std::uint64_t {
    none = 0,
    bad_call = 1,         // no native call has this number
    bad_argument = 2,     // a bit or value outside the documented ones
    bad_address = 3,      // unaligned, wrapping, not canonical, or at or above the space's user top
    bad_range = 4,        // zero or more than 512 pages, or ranges that overlap
    bad_permission = 5,   // writable and executable at once, or a right the mapping may not have
    bad_buffer = 6,       // user memory that cannot be read or written (EFAULT elsewhere)
    bad_image = 7,        // not a loadable ELF64 program
    not_found = 8,        // no such space or environment (wrong, or dead and reaped)
    not_allowed = 9,      // it exists, but the caller has no right over it
    not_mapped = 10,      // a page of the range has no mapping
    already_mapped = 11,  // `if_absent` was asked and a page of the range is mapped
    not_sole = 12,        // `if_sole` was asked and the frame has another reference
    huge_page = 13,       // part of a 2 MiB mapping; it is handled whole or split first
    out_of_frames = 14,   // the machine has no free frame of that size
    out_of_account = 15,  // the space's account cannot be charged that much
    out_of_slots = 16,    // no free slot for a space, an environment or an account
    not_stopped = 17,     // the environment must be stopped for this
    ended = 18,           // the environment or space has ended
    again = 19,           // a bounded step was done; call again
    timed_out = 20,       // the deadline came first
    interrupted = 21,     // interrupt bits came first, or the caller was stopped
    not_waiting = 22,     // it does not wait for the caller's reply
    changed = 23,         // the memory word is not what the caller expected
    lent = 24,            // the mapping is lent: its holder may only unmap it
};

inline constexpr std::uint8_t error_count = 25;

// The error's name as the documentation spells it; "unknown" for a value outside the list.
constexpr std::string_view name_of(Error error) {
    constexpr std::array<std::string_view, error_count> names{
        "none",           "bad_call",       "bad_argument", "bad_address", "bad_range",
        "bad_permission", "bad_buffer",     "bad_image",    "not_found",   "not_allowed",
        "not_mapped",     "already_mapped", "not_sole",     "huge_page",   "out_of_frames",
        "out_of_account", "out_of_slots",   "not_stopped",  "ended",       "again",
        "timed_out",      "interrupted",    "not_waiting",  "changed",     "lent",
    };
    auto const index = static_cast<std::uint8_t>(error);
    return index < error_count ? names[index] : std::string_view{"unknown"};
}

}  // namespace quarry::abi
