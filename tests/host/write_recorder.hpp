// Which cache lines each processor writes. The kernel is compiled as for ThreadSanitizer, whose calls
// before each access are answered here instead.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace quarry::test {

inline constexpr std::uint64_t cache_line_bytes = 64;

// While one exists, writes are noted for the processor that runs them.
class WriteRecorder {
  public:
    WriteRecorder();
    ~WriteRecorder();
    WriteRecorder(WriteRecorder const&) = delete;
    WriteRecorder& operator=(WriteRecorder const&) = delete;

    // Lines by their address; for each the processors that wrote it, as a set.
    std::map<std::uint64_t, std::uint64_t> const& lines() const { return lines_; }
    void note(void const* address, std::uint64_t bytes);

  private:
    std::map<std::uint64_t, std::uint64_t> lines_;
};

}  // namespace quarry::test
