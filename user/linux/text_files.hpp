// Files under /proc/self whose text only the library OS can write: what the process has mapped.
#pragma once

#include <cstdint>

namespace quarry::libos {

inline constexpr std::int64_t no_own_text = -4001;

// A descriptor of such a file, if the path (in the program's memory) names one.
std::int64_t open_own_text(std::uint64_t path);

}  // namespace quarry::libos
