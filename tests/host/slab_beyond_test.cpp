// A program may need more than the window that libslab reserves: it becomes longer, or, where something else lies
// behind it, blocks get mappings of their own.
#include "heap/linux/block_table.hpp"
#include "heap/slab.h"
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace slab::test {
namespace {

constexpr std::size_t gib = std::size_t{1} << 30;

slab_statistics statistics() {
    slab_statistics s{};
    slab_get_statistics(&s);
    return s;
}

// The end of the mappings that follow each other from the one on that a pointer is in.
std::uintptr_t end_of_mappings_at(void const* pointer) {
    auto const address = reinterpret_cast<std::uintptr_t>(pointer);
    std::uintptr_t end = 0;
    std::ifstream lines("/proc/self/maps");
    for (std::string line; std::getline(lines, line);) {
        std::uintptr_t from = 0;
        std::uintptr_t to = 0;
        std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &from, &to);
        if (from == end || (from <= address && address < to)) {
            end = to;
        }
    }
    return end;
}

// The window ends at something else from here on, so that it cannot become longer.
bool stop_the_window() {
    void* const inside = opaque(std::malloc(100));
    auto* const end = reinterpret_cast<void*>(end_of_mappings_at(inside));
    std::free(inside);
    return mmap(end, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
           end;
}

// Allocates 17 GiB in blocks that are hardly touched, and then small ones.
int more_than_was_reserved() {
    for (int i = 0; i < 1700; ++i) {
        if (opaque(std::malloc(gib / 100)) == nullptr) {
            return 1;
        }
    }
    std::vector<char*> blocks(100'000);
    for (auto& block : blocks) {
        block = static_cast<char*>(opaque(std::malloc(500)));
        if (block == nullptr || malloc_usable_size(block) < 500) {
            return 2;
        }
        std::memset(block, 1, 500);
    }
    for (auto* const block : blocks) {
        std::free(block);
    }
    return 0;
}

// In a process of its own.
TEST(LongerDeath, SmallBlocksComeBehindWhatWasReserved) {
    EXPECT_EXIT(_exit(more_than_was_reserved()), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(_exit(stop_the_window() ? more_than_was_reserved() : 3), testing::ExitedWithCode(2),
                "");
}

TEST(Longer, AProgramReservesSixteenGibibytes) {
    auto const status = output_of("LD_PRELOAD=" + library() + " cat /proc/self/status");
    auto const at = status.find("VmPeak:");
    ASSERT_NE(at, std::string::npos);
    auto const kib = std::strtoull(status.c_str() + at + std::strlen("VmPeak:"), nullptr, 10);
    EXPECT_GT(kib, 15 * gib / 1024);
    EXPECT_LT(kib, 16 * gib / 1024 + 32 * 1024) << "with the program's own";
}

// Touched at their ends only. More than the window's 16 GiB, or what is left of it here.
class Beyond : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_TRUE(stop_the_window()); }
    Beyond() {
        for (std::uint64_t i = 0; i < 24; ++i) {
            auto* const block = static_cast<unsigned char*>(opaque(std::malloc(gib)));
            if (block == nullptr) {
                break;
            }
            *block = static_cast<unsigned char>(i);
            *(block + gib - 1) = static_cast<unsigned char>(i);
            blocks.push_back(block);
        }
    }
    ~Beyond() override {
        for (auto* const block : blocks) {
            std::free(block);
        }
    }
    std::vector<unsigned char*> blocks;
};

TEST_F(Beyond, BlocksHaveTheirOwnMemory) {
    ASSERT_EQ(blocks.size(), 24u);
    EXPECT_GE(statistics().large, 24 * gib);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        EXPECT_EQ(*blocks[i], i);
        EXPECT_EQ(*(blocks[i] + gib - 1), i);
        EXPECT_GE(malloc_usable_size(blocks[i]), gib);
    }
}

TEST_F(Beyond, ABlockKeepsItsContentsInEverySize) {
    auto*& last = blocks.back();
    for (auto const bytes : {3 * gib, gib / 2, std::size_t{300} << 10, std::size_t{100}, 2 * gib}) {
        auto* const now = static_cast<unsigned char*>(opaque(std::realloc(last, bytes)));
        ASSERT_NE(now, nullptr) << bytes;
        last = now;
        EXPECT_EQ(*last, blocks.size() - 1) << bytes;
        EXPECT_GE(malloc_usable_size(last), bytes);
        *(last + bytes - 1) = static_cast<unsigned char>(blocks.size() - 1);
    }
    // One of the window's that finds no room there when it grows.
    auto*& first = blocks.front();
    auto* const now = static_cast<unsigned char*>(opaque(std::realloc(first, 20 * gib)));
    ASSERT_NE(now, nullptr);
    first = now;
    EXPECT_EQ(*first, 0);
    EXPECT_EQ(*(first + gib - 1), 0);
}

TEST_F(Beyond, BlocksAreZeroedAndAlignedAsAsked) {
    auto* const zeroed = static_cast<unsigned char*>(opaque(std::calloc(2, gib)));
    ASSERT_NE(zeroed, nullptr);
    EXPECT_EQ(*zeroed | *(zeroed + gib) | *(zeroed + 2 * gib - 1), 0);
    for (std::size_t const alignment : {16ul, 4096ul, 2ul << 20, gib}) {
        void* const block = opaque(aligned_alloc(alignment, 2 * gib));
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u);
        std::free(block);
    }
    std::free(zeroed);
}

TEST_F(Beyond, WhatIsFreedGoesBack) {
    auto const before = statistics().held;
    auto* const block = opaque(std::malloc(4 * gib));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(statistics().held, before + 4 * gib);
    std::free(block);
    EXPECT_EQ(statistics().held, before);
}

TEST_F(Beyond, AChildHasThemToo) {
    auto const child = fork();
    if (child == 0) {
        bool right = *blocks.back() == blocks.size() - 1;
        std::free(blocks.back());
        void* const block = opaque(std::malloc(2 * gib));
        right = right && block != nullptr;
        std::free(block);
        _exit(right ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

using BeyondDeath = Beyond;

TEST_F(BeyondDeath, MisuseIsReported) {
    EXPECT_DEATH(
        {
            std::free(opaque(blocks.back()));
            std::free(opaque(blocks.back()));
        },
        "slab: .*");
    EXPECT_DEATH(std::free(opaque(blocks.back() + 4096)), "slab: .*");
}

// Small, so that most entries are not at home.
TEST(BlockTable, FindsWhatIsInItAndNothingElse) {
    slab::hosted::BlockTable<6> table;
    std::map<std::uintptr_t, std::size_t> model;
    std::mt19937_64 random(1);
    for (std::size_t i = 1; i < 100'000; ++i) {
        auto const address = (1 + random() % 200) * slab::page_bytes;
        auto* const entry = table.find(address);
        auto const expected = model.find(address);
        ASSERT_EQ(entry->bytes, expected == model.end() ? 0 : expected->second);
        if (entry->bytes != 0) {
            table.remove(entry);
            model.erase(address);
        } else if (!table.is_full()) {
            table.add({address, i});
            model[address] = i;
        }
        ASSERT_EQ(table.is_full(), model.size() == 48);
    }
}

}  // namespace
}  // namespace slab::test
