// A program that is to be run, and the dynamic linker that it names.
#pragma once

#include "user/linux/executable.hpp"

#include <cstdint>
#include <string_view>

namespace quarry::libos {

// Its descriptor, what its first page says, the server's handle of its pages, and how far from where it wants to be it is.
struct Program {
    std::int64_t descriptor = -1;
    Executable executable;
    std::uint64_t handle = 0;
    std::uint64_t bias = 0;
};

// 0, or an error, negated; for a script, of which the descriptor is open, how many of its first bytes are in the channel.
std::int64_t open_program(std::string_view path, Program& program);
// Of what the program names: 0, or an error, negated. The linker has no handle if it names none.
std::int64_t open_linker(Program const& program, Program& linker);
// The descriptor; the pages stay.
void close_program(Program const& program);

}  // namespace quarry::libos
