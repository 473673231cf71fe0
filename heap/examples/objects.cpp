// Heaps that are objects: one for each task, with a limit, behind std::pmr, all of it gone at once.
#include "heap/heap.hpp"
#include "heap/pmr.hpp"
#include "heap/sources/limited.hpp"
#include "heap/sources/mmap_source.hpp"

#include <cstdio>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>

int main() {
    using LimitedHeap = slab::Heap<slab::Limited<slab::MmapSource>>;
    LimitedHeap heap{slab::Limited<slab::MmapSource>(std::size_t{4} << 20)};
    slab::MemoryResource resource(heap);
    std::size_t count = 0;
    try {
        std::pmr::vector<std::pmr::string> texts(&resource);
        for (;; ++count) {
            texts.emplace_back("a text that is too long for a string object to hold itself");
        }
    } catch (std::bad_alloc const&) {
        std::printf("four mebibytes hold %zu texts\n", count);
    }
    heap.release();
    return count > 10'000 ? 0 : 1;
}
