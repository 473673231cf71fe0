// Free pages in other places than they were freed in: a hardened heap moves them, since its classes share no addresses.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace slab::test {
namespace {

constexpr std::size_t phase_bytes = 24'000'000;
constexpr std::array<std::size_t, 8> phases{64, 1'000'000, 200, 700, 6'000'000, 3'000, 20'000, 64};

bool is_zero(unsigned char const* block, std::size_t bytes) {
    return std::all_of(block, block + bytes, [](unsigned char byte) { return byte == 0; });
}

// Blocks of one size, written to all over, freed in order.
void use_and_free(std::size_t bytes) {
    std::vector<unsigned char*> blocks(phase_bytes / bytes);
    for (auto*& block : blocks) {
        block = static_cast<unsigned char*>(opaque(std::calloc(1, bytes)));
        ASSERT_TRUE(is_zero(block, bytes)) << bytes;
        std::memset(block, 0xff, bytes);
    }
    for (auto* const block : blocks) {
        std::free(opaque(block));
    }
}

TEST(IdlePages, DISABLED_WhatAPhaseFreedServesTheNextOne) {
    use_and_free(64);
    auto const kib = anonymous_kib();
    for (auto const bytes : phases) {
        auto const before = page_faults();
        use_and_free(bytes);
        EXPECT_LT(page_faults() - before, static_cast<long>(phase_bytes / 4096 / 2)) << bytes;
        EXPECT_LT(anonymous_kib(), kib * 5 / 3) << bytes;
    }
    EXPECT_LT(mapping_count(), 500u);
}
TEST(IdlePages, WhatAPhaseFreedServesTheNextOne) {
    if (!is_hardened()) {
        GTEST_SKIP() << "the hardened heap's affair";
    }
    EXPECT_TRUE(passed(alone("DISABLED_WhatAPhaseFreedServesTheNextOne")));
}

TEST(IdlePages, RandomPhasesFindZerosAndLeaveFewMappings) {
    std::mt19937_64 random(9);
    struct Block {
        unsigned char* at = nullptr;
        std::size_t bytes = 0;
        int stamp = 0;
    };
    std::vector<Block> survivors;
    for (int phase = 0; phase < 60; ++phase) {
        auto const bytes = std::size_t{16} << random() % 19;  // up to 4 MB
        std::vector<Block> blocks;
        for (std::size_t held = 0; held < 8'000'000; held += bytes) {
            Block block{.bytes = bytes, .stamp = phase + 1};
            block.at = static_cast<unsigned char*>(opaque(std::calloc(1, bytes)));
            ASSERT_TRUE(is_zero(block.at, bytes)) << bytes;
            std::memset(block.at, block.stamp, bytes);
            blocks.push_back(block);
        }
        std::shuffle(blocks.begin(), blocks.end(), random);
        auto const kept = std::min<std::size_t>(blocks.size() / 50, 1000);
        survivors.insert(survivors.end(), blocks.begin(), blocks.begin() + static_cast<long>(kept));
        for (auto i = kept; i < blocks.size(); ++i) {
            std::free(opaque(blocks[i].at));
        }
    }
    EXPECT_LT(mapping_count(), 5'000u);
    for (auto const& block : survivors) {
        ASSERT_TRUE(std::all_of(block.at, block.at + block.bytes,
                                [&](unsigned char byte) { return byte == block.stamp; }));
        std::free(opaque(block.at));
    }
    malloc_trim(0);
}

TEST(IdlePages, FreeingABlockThatIsHardlyTouchedTouchesNothing) {
    malloc_trim(0);
    auto const before = anonymous_kib();
    constexpr std::size_t bytes = std::size_t{64} << 20;
    for (int i = 0; i < 3; ++i) {
        auto* const block = static_cast<unsigned char*>(opaque(std::malloc(bytes)));
        for (std::size_t at = 0; at < bytes; at += bytes / 16) {
            block[at] = 1;
        }
        std::free(opaque(block));
    }
    EXPECT_LT(anonymous_kib(), before + 2'000);
}

// Too few of a class to be moved.
TEST(IdlePages, DISABLED_FewSlabsOfManySizes) {
    malloc_trim(0);
    auto const before = anonymous_kib();
    for (std::size_t bytes = 16; bytes <= 1'000; bytes += 16) {
        std::vector<void*> blocks(450'000 / bytes);
        for (auto*& block : blocks) {
            block = opaque(std::malloc(bytes));
            std::memset(block, 1, bytes);
        }
        for (auto* const block : blocks) {
            std::free(opaque(block));
        }
    }
    EXPECT_LT(anonymous_kib(), before + 25'000);
}
TEST(IdlePages, FewFreeSlabsOfManySizesDoNotAddUp) {
    EXPECT_TRUE(passed(alone("DISABLED_FewSlabsOfManySizes")));
}

// The block's pages go to one that has others' addresses.
TEST(IdlePages, DISABLED_AWriteAfterTheFreeOfALargeBlock) {
    constexpr std::size_t bytes = 4'000'000;
    auto* const freed = static_cast<unsigned char*>(opaque(std::malloc(bytes)));
    std::memset(freed, 1, bytes);
    std::free(opaque(freed));
    opaque(freed)[1'234'568] = 1;
    std::printf("written: %p\n", static_cast<void*>(freed + 1'234'568));
    auto* const next = static_cast<unsigned char*>(opaque(std::malloc(2 * bytes)));
    std::printf("at another place: %d\n", next + 2 * bytes <= freed || freed + bytes <= next);
    std::fflush(stdout);
    EXPECT_TRUE(is_zero(next, 2 * bytes));
    std::free(opaque(next));
}
TEST(IdlePages, AWriteAfterTheFreeOfALargeBlockIsFoundWhereverItsPagesGo) {
    if (!is_hardened()) {
        GTEST_SKIP() << "the hardened heap's affair";
    }
    auto const text = alone("DISABLED_AWriteAfterTheFreeOfALargeBlock", "SLAB_ON_ERROR=report");
    EXPECT_TRUE(passed(text));
    auto const at = text.find("written: ") + 9;
    auto const address = text.substr(at, text.find('\n', at) - at);
    EXPECT_NE(text.find("at another place: 1"), std::string::npos) << text;
    auto const report = text.find("written to after it was freed");
    ASSERT_NE(report, std::string::npos) << text;
    EXPECT_NE(text.find(address, report), std::string::npos) << text;
}

TEST(IdlePages, DISABLED_TwoThreadsFreeALargeBlockAtOnce) {
    constexpr std::size_t bytes = 100'000;
    std::array<void*, 300> blocks{};
    for (auto*& block : blocks) {
        block = opaque(std::malloc(bytes));
        std::memset(block, 1, bytes);
    }
    std::barrier together(2);
    auto const free_all = [&] {
        for (auto* const block : blocks) {
            together.arrive_and_wait();
            std::free(opaque(block));
        }
    };
    std::thread other(free_all);
    free_all();
    other.join();
    std::vector<std::uintptr_t> again;
    for (int i = 0; i < 600; ++i) {
        again.push_back(reinterpret_cast<std::uintptr_t>(opaque(std::malloc(bytes))));
    }
    std::sort(again.begin(), again.end());
    for (std::size_t i = 1; i < again.size(); ++i) {
        EXPECT_GE(again[i] - again[i - 1], bytes);
    }
}
TEST(IdlePages, TwoThreadsThatFreeALargeBlockAtOnceFreeItOnce) {
    EXPECT_TRUE(passed(alone("DISABLED_TwoThreadsFreeALargeBlockAtOnce", "SLAB_ON_ERROR=ignore")));
}

}  // namespace
}  // namespace slab::test
