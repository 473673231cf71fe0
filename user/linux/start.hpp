// How a thread of the library OS begins.
#pragma once

#include "user/linux/thread.hpp"

namespace quarry::libos {

// The constant part of a thread's block.
void begin_block(std::uint64_t slot);

}  // namespace quarry::libos
