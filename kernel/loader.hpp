// Starts the first program: loads it from the boot archive, gives it the archive, its arguments and
// a stack. Every later program is loaded by its creator, in user space.
#pragma once

#include "kernel/kernel.hpp"

#include <string_view>

namespace quarry {

// What the boot protocol handed over. `archive_first` is the frame where the archive begins.
struct BootArchive {
    Bytes bytes;
    PhysPage first;
};

// `command_line` is the program's name and its arguments, separated by blanks. not_found if the
// archive has no such program, bad_image if it is not one.
Result<void> load_first_program(Kernel& kernel, BootArchive archive, std::string_view command_line);

}  // namespace quarry
