// A heap's window: how it is divided, and how it becomes longer.
#include "heap/window.hpp"
#include "heap/heap.hpp"
#include "heap/sources/mmap_source.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace slab {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

// What it reserves is as long as the window may become; an extension says no when `*extensions` are used up.
struct GrowingSource : MmapSource {
    static constexpr std::size_t window_bytes = 4 * mib;
    static constexpr std::size_t most_window_bytes = 50 * mib;
    static constexpr std::size_t behind = most_window_bytes - window_bytes;
    unsigned* extensions = nullptr;

    std::byte* reserve(std::size_t bytes) { return MmapSource::reserve(bytes + behind); }
    bool extend(std::byte*, std::size_t) { return *extensions != 0 && (*extensions)-- != 0; }
    void release(std::byte* at, std::size_t bytes) {
        released = bytes;
        MmapSource::release(at, bytes);
    }
    static inline std::size_t released = 0;
};

// Units of 64 KiB that a heap hands out, when it may be extended so often. Each is filled and looked at, and in the
// end all is given back.
std::size_t units_with(unsigned extensions) {
    Heap<GrowingSource> heap({.extensions = &extensions});
    std::vector<unsigned char*> blocks;
    while (auto* const block = static_cast<unsigned char*>(heap.allocate(unit_bytes))) {
        std::memset(block, static_cast<int>(blocks.size() % 251), unit_bytes);
        blocks.push_back(block);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        EXPECT_EQ(blocks[i][0], i % 251);
        EXPECT_EQ(blocks[i][unit_bytes - 1], i % 251);
        heap.free(blocks[i]);
    }
    EXPECT_EQ(heap.statistics().in_use_bytes, 0u);
    heap.release();
    return blocks.size();
}

TEST(Window, IsDividedSoThatEveryUnitHasMetadata) {
    for (unsigned refusals = 0; refusals < 4; ++refusals) {
        auto const plan = plan_window<GrowingSource>(refusals);
        EXPECT_EQ(plan.units_bytes, 4 * mib >> refusals);
        EXPECT_EQ(plan.most_units_bytes, refusals == 0 ? 50 * mib : plan.units_bytes);
        EXPECT_EQ(plan.metadata_bytes % window_alignment, 0u);
        EXPECT_GE(plan.metadata_bytes, plan.most_units_bytes / unit_bytes * sizeof(Unit));
    }
    EXPECT_EQ(plan_window<MmapSource>(0).most_units_bytes, MmapSource::window_bytes);
}

// All but unit 0 are handed out: twice as many each time, and at last what may be.
TEST(Window, BecomesLongerUntilTheSourceRefusesOrItIsAsLongAsItMayBe) {
    auto const units = [](std::size_t bytes) { return bytes / unit_bytes - 1; };
    EXPECT_EQ(units_with(0), units(4 * mib));
    EXPECT_EQ(units_with(1), units(8 * mib));
    EXPECT_EQ(units_with(3), units(32 * mib));
    EXPECT_EQ(units_with(100), units(50 * mib));
    EXPECT_EQ(GrowingSource::released, plan_window<GrowingSource>(0).metadata_bytes + 50 * mib);
}

TEST(Window, ABlockThatIsLongerThanTwiceTheWindowHasItExtendedOnce) {
    unsigned extensions = 1;
    Heap<GrowingSource> heap({.extensions = &extensions});
    auto* const block = static_cast<unsigned char*>(heap.allocate(40 * mib));
    ASSERT_NE(block, nullptr);
    std::memset(block, 1, 40 * mib);
    heap.free(block);
    heap.release();
}

TEST(Window, SmallBlocksOfTheExtendedPartAreKnown) {
    unsigned extensions = 100;
    Heap<GrowingSource> heap({.extensions = &extensions});
    heap.allocate(20 * mib);
    std::vector<void*> blocks(100'000);
    for (auto*& block : blocks) {
        block = heap.allocate(100);
        ASSERT_NE(block, nullptr);
        std::memset(block, 0xff, 100);
        EXPECT_EQ(heap.usable_bytes(block), 112u);
    }
    for (auto* const block : blocks) {
        heap.free(block);
    }
    EXPECT_EQ(heap.statistics().in_use_bytes, 20 * mib);
    heap.release();
}

// One that has huge pages, and notes where.
struct HugeSource : MmapSource {
    static inline std::vector<std::byte*> places;
    void huge(std::byte* at) { places.push_back(at); }
};

TEST(Window, GrowsInHugePagesWhereALargeHeapGrowsBySmallBlocks) {
    Heap<HugeSource> heap({});
    std::vector<void*> blocks;
    auto const grow_by = [&](std::size_t bytes, std::size_t block_bytes) {
        for (std::size_t held = 0; held < bytes; held += block_bytes) {
            blocks.push_back(heap.allocate(block_bytes));
        }
    };
    grow_by(63 * mib, 400);
    EXPECT_TRUE(HugeSource::places.empty());
    // Of a place that a large block came into first, nothing is huge.
    auto* const large = static_cast<std::byte*>(heap.allocate(11 * mib));
    grow_by(20 * mib, 400);
    EXPECT_GE(HugeSource::places.size(), 9u);
    EXPECT_LE(HugeSource::places.size(), 10u);
    for (auto* const place : HugeSource::places) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place) % huge_page_bytes, 0u);
        EXPECT_GE(place, large + 11 * mib);
    }
    for (void* const block : blocks) {
        heap.free(block);
    }
    heap.free(large);
    heap.release();
}

}  // namespace
}  // namespace slab
