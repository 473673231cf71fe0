// Scripts: a first line that says who runs them.
#pragma once

#include "user/linux/process.hpp"

#include <cstdint>
#include <string_view>

namespace quarry::libos {

// `head` is what the script begins with: `#!interpreter [argument]`. Both come before its path and its arguments.
// 0, or an error, negated: ENOEXEC for no such line, E2BIG where there is no room.
std::int64_t rewrite_for_script(ExecStrings& strings, std::string_view head);

}  // namespace quarry::libos
