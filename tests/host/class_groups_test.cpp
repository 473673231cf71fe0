// How classes share slabs, and what larger blocks take first.
#include "heap/heap.hpp"
#include "heap/sources/mmap_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace slab {
namespace {

using TestHeap = Heap<MmapSource>;

std::size_t classes_with_slabs(Statistics const& statistics) {
    return static_cast<std::size_t>(std::ranges::count_if(
        statistics.classes, [](ClassStatistics const& c) { return c.slabs != 0; }));
}

TEST(ClassGroups, EveryGroupServesItsClassesWithLittleMore) {
    for (std::size_t i = 0; i < class_count; ++i) {
        auto const group = groups[i];
        EXPECT_TRUE(may_serve(group, i));
        EXPECT_EQ(groups[group], group) << "a group's largest class is in it";
        EXPECT_GE(class_bytes(group), class_bytes(i));
        EXPECT_LE(class_bytes(group), class_bytes(i) * 5 / 4);
        EXPECT_TRUE(i == 0 || groups[i - 1] <= group);
    }
}

TEST(ClassGroups, FewBlocksOfManySizesShareSlabs) {
    TestHeap heap;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < class_count; ++i) {
        wanted += groups[i] == i ? 1 : 0;
        auto const bytes = class_bytes(i);
        auto* const block = heap.allocate(bytes);
        ASSERT_NE(block, nullptr);
        EXPECT_GE(heap.usable_bytes(block), bytes);
        EXPECT_EQ(heap.reallocate(block, bytes), block);
    }
    EXPECT_EQ(classes_with_slabs(heap.statistics()), wanted);
    heap.release();
}

TEST(ClassGroups, AClassThatIsMuchUsedGetsSlabsOfItsOwn) {
    constexpr std::size_t bytes = 272;
    ASSERT_NE(groups[class_of(bytes)], class_of(bytes));
    TestHeap heap;
    constexpr std::size_t count = 20'000;
    for (std::size_t i = 0; i < count; ++i) {
        heap.allocate(bytes);
    }
    auto const statistics = heap.statistics();
    EXPECT_GT(statistics.classes[class_of(bytes)].blocks_in_use, count * 9 / 10);
    EXPECT_LT(statistics.held_bytes, count * bytes * 21 / 20);
    heap.release();
}

// What a slab of its own has left over would be more than it saves.
TEST(ClassGroups, AClassOfSmallBlocksStaysInAGroupOfFewSlabs) {
    constexpr std::size_t bytes = 272;
    constexpr auto group = groups[class_of(bytes)];
    TestHeap heap;
    for (std::size_t i = 0; i < 6 * blocks_a_slab(group); ++i) {
        heap.allocate(bytes);
    }
    EXPECT_EQ(heap.statistics().classes[class_of(bytes)].slabs, 0u);
    EXPECT_EQ(heap.statistics().classes[group].slabs, 6u);
    heap.release();
}

// What comes and goes again and again is no reason for slabs of its own.
TEST(ClassGroups, AClassWhoseSlabsGoBackAgainStaysInItsGroup) {
    constexpr std::size_t bytes = std::size_t{25} << 10;
    auto const size_class = class_of(bytes);
    ASSERT_NE(groups[size_class], size_class);
    TestHeap heap;
    std::vector<void*> blocks(3 * blocks_a_slab(groups[size_class]));
    for (int round = 0; round < 50; ++round) {
        for (auto& block : blocks) {
            block = heap.allocate(bytes);
        }
        for (auto* const block : blocks) {
            heap.free(block);
        }
    }
    EXPECT_EQ(heap.statistics().classes[size_class].slabs, 0u);
    heap.release();
}

TEST(ClassGroups, ALargerBlockIsTheOneThatWasFreedLast) {
    for (auto const bytes : {std::size_t{1'500}, std::size_t{9'000}, small_limit}) {
        TestHeap heap;
        std::vector<void*> blocks;
        for (int i = 0; i < 20; ++i) {
            blocks.push_back(heap.allocate(bytes));
        }
        auto* const last = blocks.back();
        heap.free(blocks[blocks.size() - 2]);
        heap.free(last);
        EXPECT_EQ(heap.allocate(bytes), last);
        heap.release();
    }
}

// A vector that outgrows one block after the other leaves free ones that are no good for the next.
struct ClockSource : MmapSource {
    static constexpr bool stays_usable = true;
    std::uint32_t ticks() { return 1; }
    void decommit(std::byte* at, std::size_t bytes) { madvise(at, bytes, MADV_DONTNEED); }
};
TEST(LargeBlocks, OneThatNeedsManyNewPagesGetsThemForFreeOnes) {
    Heap<ClockSource> heap;
    void* old = nullptr;
    for (std::size_t bytes = std::size_t{1} << 20; bytes <= std::size_t{64} << 20; bytes *= 2) {
        auto* const block = heap.allocate(bytes);
        ASSERT_NE(block, nullptr);
        std::memset(block, 1, bytes);
        heap.free(old);
        old = block;
    }
    // The last one and the one before it; 127 MiB were all of them together.
    EXPECT_LE(heap.statistics().held_bytes, std::uint64_t{97} << 20);
    heap.release();
}

}  // namespace
}  // namespace slab
