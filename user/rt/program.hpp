// The program itself: its arguments, its files, its end.
#pragma once

#include "abi/start.hpp"
#include "base/cpio.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace quarry {

namespace exit_status {
inline constexpr int out_of_memory = 125;
inline constexpr int broken_console = 126;
inline constexpr int misuse = 134;  // what a shell shows for an abort
}  // namespace exit_status

// The boot archive, as the program's creator mapped it; empty if it did not.
Archive boot_archive();
Bytes boot_archive_bytes();

// A file of the boot archive.
std::optional<Bytes> find_file(std::string_view name);

// Ends the program; runs nothing.
[[noreturn]] void exit_program(int status);

// Ends the program with a line that says why.
[[noreturn]] void fail(std::string_view why, int status = exit_status::misuse);

}  // namespace quarry
