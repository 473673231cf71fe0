// What is said about calls: each of them under --strace, and those that are not there.
#pragma once

#include "user/linux/thread.hpp"

#include <cstdint>

namespace quarry::libos {

// A call that nobody serves: its number, arguments, and who made it.
void report_missing_call(std::uint64_t number, Registers const& registers);

}  // namespace quarry::libos
