// A heap without checks serves programs that are right as one with checks does.
#include "heap/heap.hpp"
#include "heap/sources/mmap_source.hpp"
#include "tests/host/random_use.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace slab {
namespace {

using UncheckedHeap = Heap<MmapSource>;
static_assert(!has_checks);

TEST(UncheckedHeap, RandomUseAgreesWithAReferenceMap) {
    expect_agreement_in_random_use<UncheckedHeap>();
}

// Blocks of a slab's first unit, of its second, and large ones.
TEST(UncheckedHeap, BlocksOfEverySizeComeBack) {
    UncheckedHeap heap;
    std::array<void*, 20> blocks{};
    for (std::size_t const bytes :
         {std::size_t{0}, std::size_t{64}, std::size_t{20'000}, std::size_t{1} << 20}) {
        for (auto*& block : blocks) {
            block = heap.allocate(bytes);
            ASSERT_NE(block, nullptr);
        }
        for (auto* const block : blocks) {
            heap.free(block);
        }
        heap.free(nullptr);
        EXPECT_EQ(heap.statistics().in_use_bytes, 0u) << bytes;
    }
    heap.release();
}

}  // namespace
}  // namespace slab
