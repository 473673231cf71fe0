// What reading, writing and copying have in common.
#pragma once

#include "user/linux/protocol.hpp"
#include "user/linux/server.hpp"
#include "user/linux/uapi.hpp"

#include <cstdint>

namespace quarry::libos {

inline constexpr std::uint64_t piece_bytes = protocol::channel_data_bytes;  // what a request moves
inline constexpr std::uint64_t most_bytes = 0x7fff'f000;                    // MAX_RW_COUNT
inline constexpr std::uint64_t no_offset = ~std::uint64_t{0};

// How a descriptor was opened: asking leaves no trace, unlike a transfer of nothing.
class OpenMode {
  public:
    explicit OpenMode(std::uint64_t descriptor)
        : flags_(ask_until_done(__NR_fcntl, descriptor, F_GETFL, 0)) {}
    bool is_open() const { return flags_ >= 0 && (flags_ & O_PATH) == 0; }
    bool may_read() const { return is_open() && (flags_ & O_ACCMODE) != O_WRONLY; }
    bool may_write() const { return is_open() && (flags_ & O_ACCMODE) != O_RDONLY; }
    bool appends() const { return (flags_ & O_APPEND) != 0; }

  private:
    std::int64_t flags_;
};

}  // namespace quarry::libos
