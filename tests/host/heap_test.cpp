// The heap over mmap: against a reference map, as a resource, and misused.
#include "heap/heap.hpp"
#include "heap/pmr.hpp"
#include "heap/sources/failing.hpp"
#include "heap/sources/mmap_source.hpp"
#include "tests/host/heap_fixture.hpp"
#include "tests/host/random_use.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory_resource>
#include <random>
#include <set>
#include <vector>

namespace slab {
namespace {

using TestHeap = Heap<MmapSource>;

// Misuse is remembered instead of fatal.
using FailingHeap = Heap<Failing<MmapSource>>;

TEST(SizeClasses, EveryRequestFitsItsClassAndNoSmallerOne) {
    for (std::size_t bytes = 1; bytes <= small_limit; ++bytes) {
        auto const index = class_of(bytes);
        ASSERT_LT(index, class_count);
        ASSERT_GE(class_bytes(index), bytes);
        if (index > 1) {
            ASSERT_LT(class_bytes(index - 1), bytes);
        }
    }
}

TEST(Heap, RandomUseAgreesWithAReferenceMap) { expect_agreement_in_random_use<TestHeap>(); }

TEST(Heap, EmptySlabsGoBack) {
    TestHeap heap;
    std::vector<void*> blocks;
    for (int i = 0; i < 100'000; ++i) {
        blocks.push_back(heap.allocate(64));
    }
    auto const full = heap.statistics();
    for (auto* const block : blocks) {
        heap.free(block);
    }
    auto const empty = heap.statistics();
    EXPECT_EQ(empty.in_use_bytes, 0u);
    EXPECT_LE(empty.held_bytes - empty.metadata_bytes, 2 * unit_bytes);
    EXPECT_GT(full.held_bytes, 6'000'000u);
    heap.release();
}

TEST(Heap, ClassesDoNotKeepEmptySlabsFromEachOther) {
    TestHeap heap;
    for (std::size_t size_class = fine_classes; size_class < class_count; ++size_class) {
        std::vector<void*> blocks;
        for (unsigned i = 0; i < 3 * blocks_a_slab(size_class); ++i) {
            blocks.push_back(heap.allocate(class_bytes(size_class)));
        }
        for (auto* const block : blocks) {
            heap.free(block);
        }
    }
    auto const empty = heap.statistics();
    EXPECT_EQ(empty.in_use_bytes, 0u);
    EXPECT_LE(empty.held_bytes - empty.metadata_bytes, 4 * max_slab_bytes);
    heap.release();
}

TEST(Heap, IsAMemoryResource) {
    TestHeap heap;
    MemoryResource resource(heap);
    {
        std::pmr::vector<std::pmr::string> words(&resource);
        for (int i = 0; i < 1000; ++i) {
            words.emplace_back(100, 'w');
        }
        EXPECT_GT(heap.statistics().in_use_bytes, 100'000u);
    }
    EXPECT_EQ(heap.statistics().in_use_bytes, 0u);
    MemoryResource const same(heap);
    TestHeap other;
    EXPECT_TRUE(resource.is_equal(same));
    EXPECT_FALSE(resource.is_equal(MemoryResource(other)));
    heap.release();
}

TEST(Heap, MisuseIsReported) {
    char const* failure = nullptr;
    Failing<MmapSource> source;
    source.complaint = &failure;
    FailingHeap heap(source);
    auto const reported = [&](char const* part) {
        bool const found = failure != nullptr && std::strstr(failure, part) != nullptr;
        failure = nullptr;
        return found;
    };
    for (std::size_t const bytes : {1u, 48u, 64u, 1000u, 5000u, 30'000u}) {
        auto* const block = static_cast<char*>(heap.allocate(bytes));
        auto* const keeps_the_slab = heap.allocate(bytes);
        heap.free(block + 4);
        EXPECT_TRUE(reported("into the middle")) << bytes;
        heap.free(block);
        EXPECT_FALSE(reported("")) << bytes;
        heap.free(block);
        EXPECT_TRUE(reported("double free")) << bytes;
        (void)heap.usable_bytes(block);
        EXPECT_TRUE(reported("no block in use")) << bytes;
        heap.free(keeps_the_slab);
    }
    auto* const large = static_cast<char*>(heap.allocate(100'000));
    heap.free(large + 4096);
    EXPECT_TRUE(reported("into the middle"));
    heap.free(large);
    heap.free(large);
    EXPECT_TRUE(reported("double free"));
    int local = 0;
    heap.free(&local);
    EXPECT_TRUE(reported("not this heap's"));
    heap.release();
}

TEST(Heap, ABlockPastTheLastOfASlabIsNoBlock) {
    char const* failure = nullptr;
    Failing<MmapSource> source;
    source.complaint = &failure;
    FailingHeap heap(source);
    auto* const first = static_cast<char*>(heap.allocate(48));
    constexpr std::size_t blocks = blocks_a_slab(class_of(48));
    static_assert(unit_bytes - blocks * 48 == 16, "what is over is no block");
    heap.free(first + blocks * 48);
    EXPECT_NE(failure, nullptr);
    heap.free(first);
    heap.release();
}

// Phases of which few blocks survive, each of other sizes: the survivors keep what is in them, what comes
// meanwhile gets memory of its own, and the pages between the survivors go back.
TEST(Heap, FreePagesOfSlabsInUseGoBack) {
    constexpr std::size_t live_bytes = std::size_t{16} << 20;
    Heap<test::UsableSource> heap;
    std::mt19937_64 random(5);
    struct Block {
        unsigned char* at;
        std::size_t bytes;
        unsigned char fill;
    };
    std::vector<Block> blocks;
    std::uint64_t most = 0;
    for (unsigned phase = 0; phase < 8; ++phase) {
        std::size_t live = 0;
        for (auto const& block : blocks) {
            live += block.bytes;
        }
        while (live < live_bytes) {
            auto const bytes = 16 + (phase % 4) * 700 + random() % 900;
            Block const block{static_cast<unsigned char*>(heap.allocate(bytes)), bytes,
                              static_cast<unsigned char>(random())};
            std::memset(block.at, block.fill, bytes);
            blocks.push_back(block);
            live += bytes;
        }
        most = std::max(most, heap.statistics().held_bytes);
        std::vector<Block> survivors;
        for (auto const& block : blocks) {
            ASSERT_TRUE(std::all_of(block.at, block.at + block.bytes,
                                    [&](unsigned char byte) { return byte == block.fill; }));
            if (random() % 20 == 0) {
                survivors.push_back(block);
            } else {
                heap.free(block.at);
            }
        }
        blocks = survivors;
    }
    EXPECT_LT(most, live_bytes * 2);
    for (auto const& block : blocks) {
        heap.free(block.at);
    }
    heap.trim();
    EXPECT_EQ(heap.statistics().in_use_bytes, 0u);
    EXPECT_LT(heap.statistics().held_bytes, std::uint64_t{1} << 20);
    heap.release();
}

// Memory that was cut otherwise before still has the links of its free blocks, and a program may copy them
// as padding, whole or with a field of its own in the lower part.
TEST(Heap, ABlockInUseNeverLooksFreeWhateverOldLinksAProgramCopies) {
    char const* failure = nullptr;
    Failing<MmapSource> source;
    source.complaint = &failure;
    FailingHeap heap(source);
    std::vector<void*> blocks(5'000);
    std::set<std::uint64_t> old_words;
    for (auto& block : blocks) {
        block = heap.allocate(48);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (i % 50 != 0) {  // the others keep the slabs
            heap.free(blocks[i]);
            old_words.insert(*static_cast<std::uint64_t*>(blocks[i]));
        }
    }
    for (auto& block : blocks) {
        block = heap.allocate(16);
    }
    for (auto const word : old_words) {
        auto& block = blocks[word % blocks.size()];
        for (std::uint64_t const kept : {~0ull, ~0xffffull, ~0xffff'ffffull}) {
            *static_cast<std::uint64_t*>(block) = (word & kept) | (0x37 & ~kept);
            heap.free(block);
            ASSERT_EQ(failure, nullptr) << std::hex << word;
            block = heap.allocate(16);
        }
    }
    heap.release();
}

TEST(Heap, LargeBlocksGrowAndShrinkInPlace) {
    TestHeap heap;
    auto* const block = static_cast<char*>(heap.allocate(100'000));
    block[99'999] = 'x';
    auto* const grown = static_cast<char*>(heap.reallocate(block, 110'000));
    EXPECT_EQ(grown, block);
    EXPECT_EQ(grown[99'999], 'x');
    auto* const shrunk = heap.reallocate(grown, 40'000);
    EXPECT_EQ(shrunk, block);
    EXPECT_EQ(heap.statistics().large_bytes, 40'960u);
    heap.free(shrunk);
    heap.release();
}

// A run may consist of several that were free, of which some have pages and some have none.
TEST(Heap, ZeroedBlocksAreZeroWhereverRunsWereMerged) {
    struct ClockSource : MmapSource {
        std::uint32_t ticks() { return 0; }
    };
    Heap<ClockSource> heap;
    std::mt19937_64 random(11);
    std::vector<std::pair<unsigned char*, std::size_t>> blocks;
    for (int i = 0; i < 10'000; ++i) {
        if ((random() % 2 == 0 && blocks.size() < 100) || blocks.empty()) {
            auto const bytes = 1 + random() % (random() % 4 == 0 ? 200'000 : 33'000);
            auto* const block = static_cast<unsigned char*>(heap.allocate_zeroed(1, bytes));
            for (std::size_t at = 0; at < bytes; at += 61) {
                ASSERT_EQ(block[at], 0);
            }
            std::memset(block, 0xff, bytes);
            blocks.emplace_back(block, bytes);
        } else if (random() % 4 == 0) {
            auto& [block, bytes] = blocks[random() % blocks.size()];
            bytes += random() % 500'000;
            block = static_cast<unsigned char*>(heap.reallocate(block, bytes));
            std::memset(block, 0xff, bytes);
        } else {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            heap.free(blocks.back().first);
            blocks.pop_back();
        }
        if (random() % 500 == 0) {
            heap.trim();
        }
    }
    heap.release();
}

}  // namespace
}  // namespace slab
