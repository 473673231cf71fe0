// Frees that are told how long the block is.
#include "heap/heap.hpp"
#include "heap/pmr.hpp"
#include "heap/sources/failing.hpp"
#include "heap/sources/mmap_source.hpp"
#include "tests/host/heap_fixture.hpp"
#include "tests/host/random_use.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace slab {
namespace {

// Misuse is remembered instead of fatal.
class SizedFrees : public ::testing::Test {
  protected:
    using Source = Failing<MmapSource>;

    SizedFrees() : heap_(source()) {}
    ~SizedFrees() override { heap_.release(); }

    bool reported(char const* part) {
        bool const found = failure_ != nullptr && std::strstr(failure_, part) != nullptr;
        failure_ = nullptr;
        return found;
    }
    Source source() {
        Source source;
        source.complaint = &failure_;
        return source;
    }

    static constexpr std::size_t sizes[] = {0,    1,    8,     48,     64,      130,      200,
                                            1000, 1024, 5'000, 30'000, 100'000, 1'000'000};
    char const* failure_ = nullptr;
    Heap<Source> heap_;
};

TEST_F(SizedFrees, TheBlockIsTheNextOneOfItsSize) {
    for (auto const bytes : sizes) {
        auto* const block = heap_.allocate(bytes);
        auto* const another = heap_.allocate(bytes);
        heap_.free(block, bytes);
        auto* const next = heap_.allocate(bytes);
        EXPECT_TRUE(next == block || bytes > small_limit) << bytes;
        heap_.free(next, bytes);
        heap_.free(another, bytes);
        EXPECT_FALSE(reported("")) << bytes;
    }
    EXPECT_EQ(heap_.statistics().in_use_bytes, 0u);
}

TEST_F(SizedFrees, ASecondFreeIsReportedHoweverTheFirstOneCame) {
    for (auto const bytes : sizes) {
        for (unsigned told = 0; told < 4; ++told) {
            auto* const block = heap_.allocate(bytes);
            auto* const keeps_the_slab = heap_.allocate(bytes);
            for (auto const tells_size : {told % 2 != 0, told / 2 != 0}) {
                EXPECT_FALSE(reported("")) << bytes;
                tells_size ? heap_.free(block, bytes) : heap_.free(block);
            }
            EXPECT_TRUE(reported("double free")) << bytes << ' ' << told;
            heap_.free(keeps_the_slab, bytes);
        }
    }
}

TEST_F(SizedFrees, WhereNoBlockBeginsIsReported) {
    for (auto const bytes : sizes) {
        auto* const block = static_cast<char*>(heap_.allocate(bytes));
        auto* const keeps_the_slab = heap_.allocate(bytes);
        heap_.free(block + 4, bytes);
        EXPECT_TRUE(reported("into the middle")) << bytes;
        heap_.free(block, bytes);
        heap_.free(keeps_the_slab, bytes);
        EXPECT_FALSE(reported("")) << bytes;
    }
    std::uint64_t local = 0;
    heap_.free(&local, 8);
    EXPECT_TRUE(reported("not this heap's"));
    heap_.free(nullptr, 8);
    EXPECT_FALSE(reported(""));
}

TEST_F(SizedFrees, ASizeOfAnotherClassIsReported) {
    for (auto const bytes : sizes) {
        auto* const block = heap_.allocate(bytes);
        auto* const of_the_other = heap_.allocate(2 * bytes + 20);  // so that its class has a list
        heap_.free(block, 2 * bytes + 20);
        EXPECT_TRUE(reported(wrong_size)) << bytes;
        heap_.free(of_the_other, 2 * bytes + 20);
        EXPECT_FALSE(reported("")) << bytes;
    }
}

TEST_F(SizedFrees, WhatHasComeBackGoesBack) {
    for (auto const bytes : {std::size_t{64}, std::size_t{500}}) {
        std::vector<void*> blocks(100'000);
        for (auto& block : blocks) {
            block = heap_.allocate(bytes);
        }
        for (auto* const block : blocks) {
            heap_.free(block, bytes);
        }
        EXPECT_EQ(heap_.statistics().in_use_bytes, 0u);
        heap_.trim();
        auto const empty = heap_.statistics();
        EXPECT_EQ(empty.held_bytes, empty.metadata_bytes);
    }
}

TEST_F(SizedFrees, AMemoryResourceTellsSizes) {
    MemoryResource resource(heap_);
    for (auto const bytes : sizes) {
        for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
            auto* const block = resource.allocate(bytes, alignment);
            auto* const another = resource.allocate(bytes, alignment);
            resource.deallocate(block, bytes, alignment);
            resource.deallocate(another, bytes, alignment);
            EXPECT_FALSE(reported("")) << bytes << ' ' << alignment;
        }
    }
    EXPECT_EQ(heap_.statistics().in_use_bytes, 0u);
}

// Of whatever lies beside what an empty list looks at.
TEST_F(SizedFrees, StaticMemoryIsReported) {
    alignas(64) static char memory[std::size_t{1} << 20];
    for (std::size_t i = 0; i < sizeof(memory); i += 64) {
        heap_.free(memory + i, 64);
        ASSERT_TRUE(reported("not this heap's")) << i;
    }
    EXPECT_NE(heap_.allocate(64), nullptr);
    heap_.free(memory, 64);
    EXPECT_TRUE(reported("not this heap's"));
}

// Lists may be of mixed units there.
TEST(SizedFreesAmongSurvivors, AgreeWithAReferenceMap) {
    expect_agreement_in_random_use<Heap<test::UsableSource>>();
}

struct ClockSource : MmapSource {
    static inline std::uint32_t time = 1;
    static std::uint32_t ticks() { return time; }
};

// Where blocks only come and go, no list ends.
TEST(SizedFreesAndTheClock, FreeMemoryGoesBackWithFurtherCalls) {
    Heap<ClockSource> heap;
    std::vector<void*> blocks(1'000);
    for (auto& block : blocks) {
        block = heap.allocate(20'000);
    }
    for (auto* const block : blocks) {
        heap.free(block, 20'000);
    }
    EXPECT_GT(heap.statistics().held_bytes, 10'000'000u);
    for (int second = 0; second < 3; ++second) {
        ClockSource::time += 20;
        for (int i = 0; i < 5'000; ++i) {
            heap.free(heap.allocate(64), 64);
        }
    }
    EXPECT_LT(heap.statistics().held_bytes, 1'000'000u);
    heap.release();
}

}  // namespace
}  // namespace slab
