// Pages from Linux's mmap, for the heap hosted.
#pragma once

#include "heap/page_source.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace slab {

struct MmapSource {
    static constexpr std::size_t window_bytes = std::size_t{16} << 30;

    std::byte* reserve(std::size_t bytes) {
        // Asked for with room to align; what is not needed goes back.
        constexpr std::size_t alignment = std::size_t{2} << 20;
        void* const got = mmap(nullptr, bytes + alignment, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (got == MAP_FAILED) {
            return nullptr;
        }
        auto* const begin = static_cast<std::byte*>(got);
        auto const skip =
            (alignment - reinterpret_cast<std::uintptr_t>(begin) % alignment) % alignment;
        if (skip != 0) {
            munmap(begin, skip);
        }
        munmap(begin + skip + bytes, alignment - skip);
        return begin + skip;
    }
    Committed commit(std::byte* at, std::size_t bytes) {
        return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0 ? Committed::zeroed
                                                                : Committed::failed;
    }
    void decommit(std::byte* at, std::size_t bytes) {
        // A fresh mapping drops the pages and their contents, and gives the charge back.
        mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
    bool remap(std::byte* from, std::byte* to, std::size_t bytes) {
        if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) ==
            MAP_FAILED) {
            return false;
        }
        decommit(from, bytes);  // what was left there is empty, and is not to be touched
        return true;
    }
    void release(std::byte* at, std::size_t bytes) { munmap(at, bytes); }
    void fail(char const* what, void const* pointer, std::size_t block_bytes) {
        std::fprintf(stderr, "slab: %s: %p, block of %zu bytes\n", what, pointer, block_bytes);
        std::abort();
    }
};

}  // namespace slab
