// Requests to the server: one message there and back each. Errors are Linux's, negated.
#pragma once

#include "user/linux/protocol.hpp"
#include "user/linux/thread.hpp"

#include <cstdint>

namespace quarry::libos {

struct Process {
    abi::EnvId server{};
    std::uint64_t id = 0;
    std::uint64_t options = 0;
    std::uint64_t realtime_base = 0;  // nanoseconds from 1970 to the machine's start
    std::uint64_t processors = 1;
    // Others write to pages of this process's: its parent until it executes a program, after vfork; or
    // so many children.
    bool uses_parents_memory = false;
    std::uint64_t lent_to = 0;
};
extern constinit Process process;

// The answer's first word; the others are in the channel's `results`.
std::int64_t ask(std::uint64_t operation, std::uint64_t a = 0, std::uint64_t b = 0,
                 std::uint64_t c = 0);
inline std::int64_t ask(protocol::Operation operation, std::uint64_t a = 0, std::uint64_t b = 0,
                        std::uint64_t c = 0) {
    return ask(static_cast<std::uint64_t>(operation), a, b, c);
}

// Pages of a file or of shared memory at `address`; how many came. Leaves the channel's data alone.
std::int64_t map_pages(std::uint64_t handle, std::uint64_t first_page, std::uint64_t pages,
                       std::uint64_t address, abi::Permissions permissions);

// How a wait for the channel's `changes` ended.
enum class Waited : std::uint8_t { changed, timed_out, interrupted };
// Until it is no longer `seen`, or the deadline (nanoseconds of `clock`; 0: none), or a signal that
// is to be taken.
Waited wait_for_change(std::uint32_t seen, std::uint64_t deadline);

// Asks again whenever there may be something, until the answer is not would_block. -EINTR after a
// signal (restart: -ERESTARTSYS), -ETIMEDOUT at the deadline.
std::int64_t ask_until_done(std::uint64_t operation, std::uint64_t a, std::uint64_t b,
                            std::uint64_t c, std::uint64_t deadline = 0);

}  // namespace quarry::libos
