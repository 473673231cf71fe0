// A thread of the server's that waits for what comes without a message: ends of environments, and times.
// It tells the server with one.
#pragma once

#include "user/rt/thread.hpp"

#include <cstdint>

namespace quarry::server {

Result<Thread> start_watcher();
abi::EnvId watcher_environment();

// The interrupt bit that an environment's end posts to it.
inline constexpr std::uint64_t ended_bit = 1;

// The next time that the server wants to hear (nanoseconds of `clock`); 0: none.
void watch_time(std::uint64_t at);

}  // namespace quarry::server
