// What libslab.so holds of the system's memory, and gives back, and how large blocks grow.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <vector>

namespace slab::test {
namespace {

TEST(Slab, MemoryComesBack) {
    malloc_trim(0);
    auto const before = anonymous_kib();
    {
        std::mt19937_64 random(5);
        std::vector<std::unique_ptr<char[]>> blocks;
        for (int i = 0; i < 200'000; ++i) {
            auto const bytes = 1 + random() % 1000;
            blocks.emplace_back(new char[bytes]);
            std::memset(blocks.back().get(), 1, bytes);
        }
        EXPECT_GT(anonymous_kib(), before + 90'000);
    }
    malloc_trim(0);
    EXPECT_LT(anonymous_kib(), before + 10'000);
}

void fill_and_free() {
    std::mt19937_64 random(5);
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::size_t held = 0; held < 100'000'000;) {
        auto const bytes = 1 + random() % (random() % 100 == 0 ? 500'000 : 2'000);
        blocks.emplace_back(new char[bytes]);
        std::memset(blocks.back().get(), 1, bytes);
        held += bytes;
    }
}

// What is promised for a second after: asked again and again, for as long as a slow machine may take.
bool comes_back_to(std::size_t most_kib, void (*meanwhile)()) {
    for (int tries = 0; tries < 600; ++tries) {
        meanwhile();
        if (anonymous_kib() < most_kib) {
            return true;
        }
        usleep(100'000);
    }
    return false;
}

TEST(Slab, FreeMemoryGoesBackWithFurtherCalls) {
    auto const before = anonymous_kib();
    fill_and_free();
    EXPECT_TRUE(comes_back_to(before + 10'000, [] {
        for (int i = 0; i < 4'096; ++i) {
            std::free(opaque(std::malloc(64)));
        }
    }));
}

// Of a program of its own; see below.
TEST(Slab, DISABLED_FreeMemoryGoesBackByItself) {
    auto const before = anonymous_kib();
    fill_and_free();
    EXPECT_TRUE(comes_back_to(before + 10'000, [] {}));
}
TEST(Slab, FreeMemoryGoesBackByItselfIfThatIsWished) {
    auto const test = std::filesystem::read_symlink("/proc/self/exe").string();
    auto const text = output_of("SLAB_PURGE_THREAD=1 " + test +
                                " --gtest_also_run_disabled_tests --gtest_filter=*BackByItself");
    EXPECT_NE(text.find("[  PASSED  ] 1 test."), std::string::npos) << text;
}

std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        ++count;
    }
    return count;
}

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
    EXPECT_LT(mappings(), is_hardened() ? 5000u : 1000u);
    for (auto* const block : blocks) {
        free(block);
    }
    malloc_trim(0);
}

TEST(Slab, ZeroedMemoryIsZeroAfterUse) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 2000; ++round) {
        auto const bytes = random() % (round % 10 == 0 ? 300'000 : 3'000) + 1;
        auto* const block = static_cast<unsigned char*>(calloc(1, bytes));
        for (std::size_t i = 0; i < bytes; ++i) {
            ASSERT_EQ(block[i], 0);
        }
        std::memset(block, 0xff, bytes);
        free(block);
    }
}

}  // namespace
}  // namespace slab::test
