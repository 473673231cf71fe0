// Times as Linux counts them, from the kernel's clock.
#pragma once

#include "user/linux/uapi.hpp"

#include <cstdint>

namespace quarry::libos {

inline constexpr std::uint64_t nanoseconds_a_second = 1'000'000'000;

// When a wait ends, in nanoseconds of `clock`; 0: never. Or an error, negated.
struct Deadline {
    std::uint64_t at = 0;
    std::int64_t error = 0;
};

// From a timespec of the program's; a null pointer: never.
Deadline deadline_from(std::uint64_t address, int clock, bool absolute);
// `nanoseconds` from now.
std::uint64_t deadline_after(std::uint64_t nanoseconds);

// A Linux clock's time in nanoseconds; 0 for one that is not there.
std::uint64_t time_of(int clock);
bool is_clock(int clock);
// Writes what is left until a deadline.
bool write_rest(std::uint64_t address, std::uint64_t deadline);

}  // namespace quarry::libos
