// How large blocks grow, and what they hold of the system's memory.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace slab::test {
namespace {

TEST(Slab, ALargeBlockGrowsByMovingItsPages) {
    constexpr std::size_t small = std::size_t{40} << 20;
    auto* const block = static_cast<unsigned char*>(malloc(small));
    auto* const in_the_way = opaque(malloc(small));
    std::memset(block, 7, 5000);
    block[small - 1] = 7;
    auto const before = anonymous_kib();
    auto* const grown = static_cast<unsigned char*>(realloc(block, 2 * small));
    EXPECT_EQ(grown[0], 7);
    EXPECT_EQ(grown[4999], 7);
    EXPECT_EQ(grown[small - 1], 7);
    grown[2 * small - 1] = 1;
    EXPECT_LT(anonymous_kib(), before + 1000) << "copied";
    free(grown);
    free(in_the_way);
}

// Free pages that the program has touched would come back by a fault each.
TEST(Slab, DISABLED_AGrowingBlockLosesNoFreePages) {
    constexpr std::size_t small = std::size_t{20} << 20;
    auto const touched = [](std::size_t bytes) {
        auto* const block = static_cast<unsigned char*>(opaque(malloc(bytes)));
        std::memset(block, 1, bytes);
        return block;
    };
    auto* const grows = touched(small);
    auto* const in_the_way = touched(small);
    auto* const place = touched(2 * small);
    auto* const behind = touched(small);
    free(place);
    auto* const grown = static_cast<unsigned char*>(realloc(grows, 2 * small));
    ASSERT_EQ(grown, place);
    auto const before = page_faults();
    std::memset(grown, 1, 2 * small);
    auto* const again = touched(small);
    EXPECT_EQ(again, grows);
    EXPECT_LT(page_faults(), before + 100);
    // In place, a page at a time.
    free(grown);
    auto* grows_on = opaque(malloc(small / 10));
    auto const then = page_faults();
    for (std::size_t bytes = small / 10; bytes < small; bytes += 4096) {
        grows_on = opaque(realloc(grows_on, bytes));
        static_cast<unsigned char*>(grows_on)[bytes - 1] = 1;
    }
    EXPECT_EQ(grows_on, grown);
    EXPECT_LT(page_faults(), then + 100);
    free(grows_on);
    for (auto* const block : {again, in_the_way, behind}) {
        free(block);
    }
}

TEST(Slab, AGrowingBlockLosesNoFreePages) {
    if (is_hardened()) {
        GTEST_SKIP() << "free pages of a hardened heap go at once";
    }
    EXPECT_TRUE(passed(alone("DISABLED_AGrowingBlockLosesNoFreePages", "")));
}

TEST(Slab, BlocksThatGrowAmongFreedOnesKeepTheirContentsAndFewMappings) {
    constexpr std::size_t words = (std::size_t{300} << 10) / sizeof(std::uint64_t);
    std::mt19937_64 random(11);
    struct Block {
        std::uint64_t* at = nullptr;
        std::size_t words = 0;
        std::uint64_t stamp = 0;
    };
    std::array<Block, 12> blocks{};
    for (std::uint64_t step = 1; step < 3000; ++step) {
        auto& block = blocks[random() % blocks.size()];
        for (std::size_t i = 0; i < block.words; i += 501) {
            ASSERT_EQ(block.at[i], block.stamp + i) << "step " << step;
        }
        if (block.words > 6 * words) {
            free(block.at);
            block = {};
            continue;
        }
        block.words += words / 2 + random() % words;
        block.at = static_cast<std::uint64_t*>(realloc(block.at, block.words * sizeof(*block.at)));
        block.stamp = step << 32;
        for (std::size_t i = 0; i < block.words; i += 501) {
            block.at[i] = block.stamp + i;
        }
    }
    EXPECT_LT(mapping_count(), is_hardened() ? 5000u : 1000u);
    for (auto& block : blocks) {
        free(block.at);
    }
    malloc_trim(0);
}

// What is left over must be taken for nobody's writes when it is used again.
TEST(Slab, DISABLED_ShrinkingBlocks) {
    std::mt19937_64 random(13);
    for (int round = 0; round < 200; ++round) {
        auto bytes = 100'000 + random() % 1'000'000;
        auto* block = static_cast<unsigned char*>(opaque(malloc(bytes)));
        std::memset(block, 0xff, bytes);
        while (bytes > 100'000) {
            bytes -= std::min(bytes - 40'000, random() % 200'000);
            block = static_cast<unsigned char*>(opaque(realloc(block, bytes)));
            ASSERT_EQ(block[bytes - 1], 0xff);
        }
        free(opaque(block));
    }
}
TEST(Slab, WhatAShrinkingBlockLeavesIsNobodysMistake) {
    auto const text = alone("DISABLED_ShrinkingBlocks", "SLAB_ON_ERROR=report");
    EXPECT_TRUE(passed(text));
    EXPECT_EQ(text.find("slab:"), std::string::npos) << text;
}

TEST(Slab, ManyGrowingBlocksKeepTheirContentsAndFewMappings) {
    constexpr std::size_t small = std::size_t{300} << 10;
    std::vector<unsigned char*> blocks(1000);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        blocks[i] = static_cast<unsigned char*>(malloc(small));
        std::memset(blocks[i], static_cast<int>(i), 5000);
        blocks[i][small - 1] = static_cast<unsigned char>(i);
    }
    for (std::size_t factor = 2; factor < 6; ++factor) {
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            blocks[i] = static_cast<unsigned char*>(realloc(blocks[i], factor * small));
            for (std::size_t at = 0; at < 5000; at += 99) {
                ASSERT_EQ(blocks[i][at], static_cast<unsigned char>(i));
            }
            ASSERT_EQ(blocks[i][small - 1], static_cast<unsigned char>(i));
            ASSERT_EQ(blocks[i][factor * small - 1] = 0, 0);
        }
    }
    EXPECT_LT(mapping_count(), is_hardened() ? 5000u : 1000u);
    for (auto* const block : blocks) {
        free(block);
    }
    malloc_trim(0);
}

// In a hardened heap they wait for their turn.
TEST(Slab, LargeBlocksThatWereFreedOneAfterTheOtherHoldLittle) {
    constexpr std::size_t bytes = 1'000'000;
    malloc_trim(0);
    auto const before = anonymous_kib();
    for (int i = 0; i < 40; ++i) {
        void* const block = opaque(malloc(bytes));
        std::memset(block, 1, bytes);
        free(opaque(block));
    }
    EXPECT_LT(anonymous_kib() - before, 20'000u);
}

}  // namespace
}  // namespace slab::test
