// The heap where memory ends: pages that run out, limits, handlers, requests beyond all.
#include "heap/heap.hpp"
#include "heap/sources/failing.hpp"
#include "heap/sources/limited.hpp"
#include "heap/sources/mmap_source.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace slab {
namespace {

using TestHeap = Heap<MmapSource>;

// Misuse is remembered instead of fatal.
using FailingHeap = Heap<Failing<MmapSource>>;

// A life of a heap in which commits fail; true if all it had was whole and went back.
void expect_whole_life(FailingHeap& heap, std::uint64_t& fails_at, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::pair<unsigned char*, std::size_t>> blocks;
    unsigned refused = 0;
    for (int i = 0; i < 2'000; ++i) {
        auto const bytes = random() % (random() % 20 == 0 ? 300'000 : 2'000);
        if (random() % 2 == 0) {
            auto* const block = static_cast<unsigned char*>(heap.allocate(bytes));
            refused += block == nullptr ? 1 : 0;
            if (block != nullptr) {
                std::memset(block, static_cast<int>(blocks.size()), bytes);
                blocks.emplace_back(block, bytes);
            }
        } else if (!blocks.empty()) {
            auto& [block, old_bytes] = blocks[random() % blocks.size()];
            auto* const resized = static_cast<unsigned char*>(heap.reallocate(block, bytes));
            if (resized != nullptr) {
                block = resized;
                old_bytes = bytes;
            }
            std::swap(blocks[random() % blocks.size()], blocks.back());
            heap.free(blocks.back().first);
            blocks.pop_back();
        }
        if (refused > 20) {
            fails_at = ~std::uint64_t{0};  // there is memory again
        }
    }
    for (auto const& [block, bytes] : blocks) {
        heap.free(block);
    }
    heap.trim();
    EXPECT_EQ(heap.statistics().in_use_bytes, 0u);
}

TEST(Heap, EachCommitMayFailAndNothingIsLost) {
    for (std::uint64_t at = 0; at < 120; ++at) {
        auto fails_at = at;
        char const* complaint = nullptr;
        Failing<MmapSource> source;
        source.fails_at = &fails_at;
        source.complaint = &complaint;
        FailingHeap heap(source);
        expect_whole_life(heap, fails_at, at);
        ASSERT_EQ(complaint, nullptr) << "commit " << at;
        fails_at = ~std::uint64_t{0};
        auto const held = heap.statistics();
        EXPECT_EQ(held.held_bytes, held.metadata_bytes) << "commit " << at;
        heap.release();
    }
}

TEST(Heap, ALimitIsKept) {
    constexpr std::size_t limit = std::size_t{1} << 20;
    Heap<Limited<MmapSource>> heap(Limited<MmapSource>{limit});
    std::vector<void*> blocks;
    while (auto* const block = heap.allocate(1000)) {
        blocks.push_back(block);
    }
    EXPECT_GT(blocks.size() * 1000, limit * 9 / 10);
    EXPECT_LE(heap.statistics().held_bytes, limit);
    EXPECT_EQ(heap.allocate(100'000), nullptr);
    for (auto* const block : blocks) {
        heap.free(block);
    }
    heap.trim();
    EXPECT_NE(heap.allocate(500'000), nullptr);
    heap.release();
}

// Few free blocks of a slab wait for more, but not where there is nothing else.
TEST(Heap, WithoutMorePagesTheLastFreeBlockIsFound) {
    for (std::size_t const bytes : {64u, 1000u, 9000u}) {
        for (bool const fills_a_slab : {false, true}) {
            std::uint64_t fails_at = ~std::uint64_t{0};
            Failing<MmapSource> source;
            source.fails_at = &fails_at;
            FailingHeap heap(source);
            std::vector<void*> blocks(fills_a_slab ? blocks_a_slab(class_of(bytes)) : 1);
            for (auto& block : blocks) {
                block = heap.allocate(bytes);
            }
            fails_at = 0;
            while (auto* const block = heap.allocate(bytes)) {
                blocks.push_back(block);
            }
            for (int i = 0; i < 3; ++i) {
                heap.free(blocks[0]);
                EXPECT_EQ(heap.allocate(bytes), blocks[0]) << bytes;
                EXPECT_EQ(heap.allocate(bytes), nullptr);
            }
            heap.release();
        }
    }
}

TEST(Heap, AHandlerIsAskedWhenThereIsNoMemory) {
    using LimitedHeap = Heap<Limited<MmapSource>>;
    struct Cache {
        LimitedHeap heap{Limited<MmapSource>(std::size_t{4} << 20)};
        void* kept = nullptr;
        int asked = 0;
    } cache;
    cache.kept = cache.heap.allocate(std::size_t{2} << 20);
    cache.heap.set_out_of_memory_handler(
        [](void* context, std::size_t bytes) {
            auto& its = *static_cast<Cache*>(context);
            ++its.asked;
            EXPECT_EQ(bytes, std::size_t{3} << 20);
            its.heap.free(std::exchange(its.kept, nullptr));
            return its.asked == 1;
        },
        &cache);
    auto* const block = cache.heap.allocate(std::size_t{3} << 20);
    EXPECT_NE(block, nullptr);
    EXPECT_EQ(cache.asked, 1);
    EXPECT_EQ(cache.heap.allocate(std::size_t{3} << 20), nullptr);
    EXPECT_EQ(cache.asked, 2);
    EXPECT_EQ(cache.heap.allocate(~std::size_t{0}), nullptr);
    EXPECT_EQ(cache.asked, 2) << "nobody could have so much";
    cache.heap.release();
}

TEST(Heap, ExtremeRequestsGiveNull) {
    TestHeap heap;
    EXPECT_EQ(heap.allocate(~std::size_t{0}), nullptr);
    EXPECT_EQ(heap.allocate(PTRDIFF_MAX), nullptr);
    EXPECT_EQ(heap.allocate_zeroed(std::size_t{1} << 33, std::size_t{1} << 33), nullptr);
    EXPECT_EQ(heap.allocate_aligned(3, 10), nullptr);
    EXPECT_EQ(heap.allocate_aligned(0, 10), nullptr);
    EXPECT_EQ(heap.allocate_aligned(std::size_t{4} << 20, 10), nullptr);
    auto* const empty = heap.allocate(0);
    auto* const other = heap.allocate(0);
    EXPECT_NE(empty, nullptr);
    EXPECT_NE(empty, other);
    heap.free(empty);
    heap.free(other);
    heap.free(nullptr);
    auto* const block = heap.allocate(100);
    EXPECT_EQ(heap.reallocate(block, ~std::size_t{0} - 5), nullptr);
    heap.free(block);
    heap.release();
}

}  // namespace
}  // namespace slab
