// Another page source, of which a heap may hold at most so many bytes.
#pragma once

#include "heap/page_source.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace slab {

template <PageSource Inner>
class Limited : public Inner {
  public:
    // Metadata counts too: 4 KiB for each MiB of blocks.
    constexpr explicit Limited(std::size_t most_bytes, Inner inner = {})
        : Inner(inner), most_bytes_(most_bytes) {}
    constexpr Limited(Limited const& other) : Inner(other), most_bytes_(other.most_bytes_) {}
    Limited& operator=(Limited const&) = delete;

    Committed commit(std::byte* at, std::size_t bytes) {
        if (held_.fetch_add(bytes) + bytes > most_bytes_) {
            held_.fetch_sub(bytes);
            return Committed::failed;
        }
        auto const result = Inner::commit(at, bytes);
        if (result == Committed::failed) {
            held_.fetch_sub(bytes);
        }
        return result;
    }
    void decommit(std::byte* at, std::size_t bytes) {
        Inner::decommit(at, bytes);
        held_.fetch_sub(bytes);
    }
    std::size_t held_bytes() const { return held_.load(); }

  private:
    std::size_t most_bytes_;
    std::atomic<std::size_t> held_ = 0;
};

}  // namespace slab
