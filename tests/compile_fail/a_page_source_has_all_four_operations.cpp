// A heap refuses a page source that lacks an operation.
// refused: does not satisfy|constraints not satisfied
#include "heap/heap.hpp"
#include "heap/sources/mmap_source.hpp"

struct NoRelease {
    static constexpr std::size_t window_bytes = 1 << 30;
    static constexpr bool commits_zeros = true;
    std::byte* reserve(std::size_t) { return nullptr; }
    slab::Committed commit(std::byte*, std::size_t) { return slab::Committed::failed; }
    void decommit(std::byte*, std::size_t) {}
    void fail(char const*, void const*, std::size_t) {}
};

#ifdef MISUSE
slab::Heap<NoRelease> heap;
#else
slab::Heap<slab::MmapSource> heap;
#endif
