// What libslab.so holds of the system's memory, and gives back.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
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

std::vector<std::unique_ptr<char[]>> filled_blocks() {
    std::mt19937_64 random(5);
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::size_t held = 0; held < 100'000'000;) {
        auto const bytes = 1 + random() % (random() % 100 == 0 ? 500'000 : 2'000);
        blocks.emplace_back(new char[bytes]);
        std::memset(blocks.back().get(), 1, bytes);
        held += bytes;
    }
    return blocks;
}
void fill_and_free() { filled_blocks().clear(); }

// Of phases of which a twentieth of the blocks survives, each of larger ones than the one before.
TEST(Slab, DISABLED_SurvivorsKeepLittle) {
    constexpr std::size_t phase_bytes = 20'000'000;
    auto const before = anonymous_kib();
    std::mt19937_64 random(5);
    std::vector<std::pair<void*, std::size_t>> survivors;
    survivors.reserve(500'000);
    std::size_t surviving = 0;
    std::size_t most_kib = 0;
    for (std::size_t phase = 0; phase < 20; ++phase) {
        std::vector<std::pair<void*, std::size_t>> blocks;
        blocks.reserve(400'000);
        for (std::size_t held = 0; held < phase_bytes;) {
            auto const bytes = 40 * phase + 48 + random() % 96;
            blocks.emplace_back(opaque(std::malloc(bytes)), bytes);
            std::memset(blocks.back().first, 1, bytes);
            held += bytes;
        }
        most_kib = std::max(most_kib, anonymous_kib());
        for (auto const& block : blocks) {
            if (random() % 20 == 0) {
                survivors.push_back(block);
                surviving += block.second;
            } else {
                std::free(block.first);
            }
        }
    }
    auto const lists = (survivors.capacity() + 400'000) * sizeof survivors[0] >> 10;
    auto const live = (phase_bytes + surviving) >> 10;
    EXPECT_LT(most_kib - before, lists + live * 3 / 2) << live << " KiB were live";
}
TEST(Slab, SurvivorsKeepLittleForThemselves) {
    if (is_hardened()) {
        GTEST_SKIP() << "memory of a hardened heap is of one class for ever";
    }
    EXPECT_TRUE(passed(alone("DISABLED_SurvivorsKeepLittle")));
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
    EXPECT_TRUE(passed(alone("DISABLED_FreeMemoryGoesBackByItself", "SLAB_PURGE_THREAD=1")));
}

// Nor has the thread that allocated it a part in that, which sleeps when it has freed a part of it, or none.
void free_of_one_that_sleeps(std::size_t freed_by_itself, std::size_t most_kib) {
    auto const before = anonymous_kib();
    std::vector<std::unique_ptr<char[]>> blocks;
    std::binary_semaphore are_filled(0);
    std::binary_semaphore may_end(0);
    std::thread owner([&] {
        blocks = filled_blocks();
        EXPECT_GT(anonymous_kib(), before + 90'000);
        std::ranges::shuffle(blocks, std::mt19937_64(6));
        blocks.resize(blocks.size() - blocks.size() * freed_by_itself / 100);
        are_filled.release();
        may_end.acquire();
    });
    are_filled.acquire();
    blocks.clear();
    EXPECT_TRUE(comes_back_to(before + most_kib, [] {}));
    may_end.release();
    owner.join();
}
TEST(Slab, DISABLED_WhatOthersFreedGoesBackByItself) { free_of_one_that_sleeps(0, 10'000); }
// The slab that a class takes from stays, and those of the larger blocks at hand.
TEST(Slab, DISABLED_WhatOthersFreedTheRestOfGoesBackByItself) {
    free_of_one_that_sleeps(50, 15'000);
}
TEST(Slab, WhatOthersFreedGoesBackByItselfIfThatIsWished) {
    if (is_hardened()) {
        GTEST_SKIP() << "a hardened heap keeps what others have freed for its owner";
    }
    for (auto const* const test : {"DISABLED_WhatOthersFreedGoesBackByItself",
                                   "DISABLED_WhatOthersFreedTheRestOfGoesBackByItself"}) {
        EXPECT_TRUE(passed(alone(test, "SLAB_PURGE_THREAD=1"))) << test;
    }
}

// What is free is left to the system, which may have it when it wants, and can be used again.
TEST(Slab, DISABLED_FreeMemoryIsLeftToOthers) {
    fill_and_free();
    malloc_trim(0);
    EXPECT_GT(lazily_freed_kib(), 80'000u);
    constexpr std::size_t bytes = 50'000'000;
    auto* const block = static_cast<unsigned char*>(opaque(std::calloc(1, bytes)));
    EXPECT_EQ(std::count(block, block + bytes, 0), static_cast<std::ptrdiff_t>(bytes));
    std::memset(block, 1, bytes);
    fill_and_free();
    EXPECT_EQ(std::count(block, block + bytes, 1), static_cast<std::ptrdiff_t>(bytes));
    std::free(block);
}
TEST(Slab, FreeMemoryIsLeftToOthersIfThatIsWished) {
    if (is_hardened()) {
        GTEST_SKIP() << "free pages of a hardened heap go at once";
    }
    EXPECT_TRUE(passed(alone("DISABLED_FreeMemoryIsLeftToOthers", "SLAB_PURGE_LAZY=1")));
}

// The group's memory is short as long as the file says so; what is free does not stay then until it is old.
TEST(Slab, DISABLED_FreeMemoryGoesBackAtOnce) {
    auto const before = anonymous_kib();
    auto const folder = std::filesystem::path(std::getenv("SLAB_CGROUP"));
    for (auto const* const name : {"memory.current", "memory.usage_in_bytes"}) {
        std::ofstream(folder / name) << "190000000\n";
    }
    // Freed and wanted again sooner than free memory goes back otherwise: the pages are kept, or they are not.
    auto const hold_and_free = [] {
        constexpr std::size_t bytes = 50'000'000;
        void* const block = opaque(std::malloc(bytes));
        std::memset(block, 1, bytes);
        std::free(opaque(block));
    };
    bool went_back = false;
    for (int tries = 0; tries < 100 && !went_back; ++tries) {
        hold_and_free();
        usleep(100'000);
        std::free(opaque(std::malloc(500'000)));  // a look at the clock
        went_back = anonymous_kib() < before + 10'000;
    }
    EXPECT_TRUE(went_back);
}
using Files = std::vector<std::pair<char const*, char const*>>;
void expect_going_back_where(Files const& files) {
    auto const folder =
        std::filesystem::temp_directory_path() / ("slab_group_" + std::to_string(getpid()));
    std::filesystem::create_directory(folder);
    for (auto const& [name, text] : files) {
        std::ofstream(folder / name) << text;
    }
    EXPECT_TRUE(
        passed(alone("DISABLED_FreeMemoryGoesBackAtOnce", "SLAB_CGROUP=" + folder.string())));
    std::filesystem::remove_all(folder);
}
TEST(Slab, FreeMemoryGoesBackAtOnceWhereTheGroupHasLittle) {
    expect_going_back_where({{"memory.max", "max\n"}, {"memory.high", "200000000\n"}});
    expect_going_back_where({{"memory.limit_in_bytes", "200000000\n"}});
}

bool has_huge_pages() {
    std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
    std::string words;
    std::getline(setting, words);
    return words.find("[madvise]") != std::string::npos;
}

TEST(Slab, DISABLED_ALargeHeapOfSmallBlocksGrowsInHugePages) {
    std::vector<std::unique_ptr<char[]>> blocks;
    std::size_t asked = 0;
    auto const grow_to = [&](std::size_t bytes) {
        for (; asked < bytes; asked += 400) {
            blocks.emplace_back(new char[400]);
            std::memset(blocks.back().get(), 1, 400);
        }
    };
    grow_to(50'000'000);
    EXPECT_EQ(huge_page_kib(), 0u);
    grow_to(200'000'000);
    EXPECT_GT(huge_page_kib(), 4'000u);
    EXPECT_LT(anonymous_kib(), 215'000u);
    // What is asked for in one piece may stay untouched for the most part.
    auto const before = anonymous_kib();
    constexpr std::size_t large = 200'000'000;
    std::unique_ptr<char[]> const sparse(new char[large]);
    for (std::size_t i = 0; i < large; i += 1'000'000) {
        sparse[i] = 1;
    }
    EXPECT_LT(anonymous_kib(), before + 8'000);
}
TEST(Slab, ALargeHeapOfSmallBlocksGrowsInHugePagesIfThatIsWished) {
    if (!has_huge_pages() || is_hardened()) {
        GTEST_SKIP() << "no transparent huge pages for who asks";
    }
    EXPECT_TRUE(
        passed(alone("DISABLED_ALargeHeapOfSmallBlocksGrowsInHugePages", "SLAB_HUGE_PAGES=1")));
}

TEST(Slab, ItsTextIsAtMostAHundredKibibytes) {
    std::size_t bytes = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find(" r-xp ") != std::string::npos && line.find("libslab") != std::string::npos) {
            std::size_t rest = 0;
            auto const begin = std::stoull(line, &rest, 16);
            bytes += std::stoull(line.substr(rest + 1), nullptr, 16) - begin;
        }
    }
    EXPECT_GT(bytes, 0u);
    EXPECT_LE(bytes, 100u << 10);
}

TEST(Slab, AProgramThatHardlyAllocatesHoldsLittleMore) {
    if (is_hardened()) {
        GTEST_SKIP() << "a hardened heap keeps more by its nature";
    }
    std::string const shell =
        " sh -c 'while read a b c; do case $a in RssAnon:) echo $b;; esac; done "
        "</proc/self/status'";
    auto const without = std::stoull(output_of("LD_PRELOAD=" + shell));
    auto const with = std::stoull(output_of("LD_PRELOAD=" + library() + shell));
    EXPECT_LE(with, without + 64);
}

TEST(Slab, ZeroedMemoryIsZeroAfterUse) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 2000; ++round) {
        auto const bytes = random() % (round % 10 == 0 ? 300'000 : 3'000) + 1;
        auto* const block = static_cast<unsigned char*>(opaque(calloc(1, bytes)));
        for (std::size_t i = 0; i < bytes; ++i) {
            ASSERT_EQ(block[i], 0);
        }
        std::memset(block, 0xff, bytes);
        free(opaque(block));
    }
}

TEST(Slab, ZeroingABlockLeavesItsNeighboursAlone) {
    for (std::size_t bytes = 1; bytes <= 1100; ++bytes) {
        std::array<unsigned char*, 64> blocks{};
        for (auto*& block : blocks) {
            block = static_cast<unsigned char*>(opaque(malloc(bytes)));
            std::memset(block, 0xff, bytes);
        }
        for (std::size_t i = 0; i < blocks.size(); i += 2) {
            free(opaque(blocks[i]));
        }
        for (std::size_t i = 0; i < blocks.size(); i += 2) {
            blocks[i] = static_cast<unsigned char*>(opaque(calloc(1, bytes)));
        }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            auto const expected = i % 2 == 0 ? 0 : 0xff;
            ASSERT_TRUE(std::all_of(blocks[i], blocks[i] + bytes, [=](unsigned char byte) {
                return byte == expected;
            })) << bytes;
            free(blocks[i]);
        }
    }
}

}  // namespace
}  // namespace slab::test
