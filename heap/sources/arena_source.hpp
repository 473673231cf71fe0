// Pages from a fixed buffer: firmware, kernels, tests. Bytes is a multiple of 2 MiB plus room for
// metadata; the buffer is aligned to 2 MiB.
#pragma once

#include "heap/page_source.hpp"
#include "heap/unit.hpp"

namespace slab {

template <std::size_t Bytes>
class ArenaSource {
  public:
    static constexpr std::size_t window_bytes = Bytes;
    static constexpr bool commits_zeros = false;

    constexpr explicit ArenaSource(std::byte* buffer, std::size_t buffer_bytes)
        : buffer_(buffer), buffer_bytes_(buffer_bytes) {}

    std::byte* reserve(std::size_t bytes) { return bytes <= buffer_bytes_ ? buffer_ : nullptr; }
    Committed commit(std::byte*, std::size_t) { return Committed::dirty; }
    void decommit(std::byte*, std::size_t) {}
    void release(std::byte*, std::size_t) {}
    void fail(char const*, void const*) { __builtin_trap(); }

  private:
    std::byte* buffer_;
    std::size_t buffer_bytes_;
};

}  // namespace slab
