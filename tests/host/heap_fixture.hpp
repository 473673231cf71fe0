// What tests of heaps share: a source whose pages stay usable, and a heap for each thread.
#pragma once

#include "heap/heap.hpp"
#include "heap/sources/mmap_source.hpp"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace slab::test {

// As Linux's pages are to libslab.so.
struct UsableSource : MmapSource {
    static constexpr bool stays_usable = true;
    void decommit(std::byte* at, std::size_t bytes) { madvise(at, bytes, MADV_DONTNEED); }
    bool remap(std::byte*, std::byte*, std::size_t) { return false; }
};

// See CanSynchronize.
inline bool synchronize() {
    auto const ask = [](int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; };
    return ask(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ||
           (ask(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
            ask(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
}

// A heap for each thread, as libslab.so has, but in the open: for ThreadSanitizer.
template <PageSource Pages>
struct ThreadsConfig {
    using Source = Pages;
    using Lock = std::mutex;
    static Owner self() {
        static thread_local char here;
        return reinterpret_cast<Owner>(&here) << 20;
    }
    static std::uint64_t plus_self(std::uint64_t n, std::uint64_t const& word) {
        return n + __atomic_load_n(&word, __ATOMIC_RELAXED) + self();
    }
};

// Several heaps in turn, as if each were a thread's.
template <PageSource Pages>
struct TurnsOf {
    using Source = Pages;
    using Lock = NoLock;
    static inline std::size_t turn = 0;
    static Owner self() { return (turn + 1) << 20; }
    static std::uint64_t plus_self(std::uint64_t n, std::uint64_t const& word) {
        return n + word + self();
    }
};
using TurnsConfig = TurnsOf<MmapSource>;

// A block with its contents.
struct Block {
    unsigned char* at;
    std::size_t bytes;
    unsigned char fill;

    bool is_whole() const {
        return std::all_of(at, at + bytes, [&](unsigned char byte) { return byte == fill; });
    }
};

// Threads that each do work(number), to their ends.
template <typename Work>
void run_threads(unsigned count, Work work) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; ++i) {
        threads.emplace_back(work, i);
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

}  // namespace slab::test
