// What a program finds in its first argument register (RDI): the address of this record, at the top
// of its stack. Written by the kernel for the first program and by spawn for the others.
#pragma once

#include <cstdint>

namespace quarry::abi {

struct Start {
    std::uint64_t arguments;  // address of `argument_bytes` bytes: strings, each ended by NUL
    std::uint64_t argument_bytes;
    std::uint64_t archive;  // address of the boot archive (cpio newc), mapped read-only; 0: none
    std::uint64_t archive_bytes;
};

inline constexpr std::uint64_t max_argument_bytes = 3072;

}  // namespace quarry::abi
