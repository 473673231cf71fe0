// What the process has limited itself to (setrlimit). Copied by fork, kept by exec.
#pragma once

#include <array>
#include <cstdint>

namespace quarry::libos {

struct Limit {
    std::uint64_t soft;
    std::uint64_t hard;
};
inline constexpr std::uint64_t unlimited = ~std::uint64_t{0};

Limit limit_of(std::uint64_t resource);

// Whether so many more bytes of memory keep to RLIMIT_AS and, of its own, to RLIMIT_DATA. The memory lock
// is held.
bool within_memory_limits(std::uint64_t bytes, bool is_own);

}  // namespace quarry::libos
