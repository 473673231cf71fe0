// The heap's pages in a native program: page_alloc and page_unmap, in ranges of up to 512.
#pragma once

#include "heap/page_source.hpp"

#include <cstddef>
#include <cstdint>

namespace quarry {

struct QuarrySource {
    static constexpr std::size_t window_bytes = std::size_t{256} << 30;

    // Address space costs nothing until it is mapped.
    std::byte* reserve(std::size_t bytes);
    slab::Committed commit(std::byte* at, std::size_t bytes);
    void decommit(std::byte* at, std::size_t bytes);
    bool remap(std::byte* from, std::byte* to, std::size_t bytes);
    void release(std::byte* at, std::size_t bytes);
    // From the time stamp counter: a guess is one in many, not in 2^64.
    std::uint64_t entropy();
    void fail(char const* what, void const* pointer, std::size_t block_bytes);
};

}  // namespace quarry
