// The heap in a fixed buffer: contents, misuse, how much of the buffer can be used.
#include "heap/fixed_heap.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string_view>
#include <vector>

namespace slab {
namespace {

struct Buffer {
    alignas(64) std::array<std::byte, 64 * 1024> bytes{};
    char const* complaint = nullptr;

    auto heap(std::uint64_t seed = 1) {
        auto const fail = [this](char const* what, void const*) { complaint = what; };
        return FixedHeap<decltype(fail)>(bytes, seed, fail);
    }
};

TEST(FixedHeap, RandomUseKeepsContents) {
    Buffer buffer;
    auto heap = buffer.heap();
    std::mt19937_64 random(7);
    std::map<unsigned char*, std::pair<std::size_t, unsigned char>> blocks;
    auto const check = [](unsigned char const* at, std::size_t bytes, unsigned char fill) {
        for (std::size_t i = 0; i < bytes; ++i) {
            ASSERT_EQ(at[i], fill);
        }
    };
    for (int i = 0; i < 200'000; ++i) {
        auto const bytes = random() % 700;
        auto const any =
            blocks.empty()
                ? blocks.end()
                : std::next(blocks.begin(), static_cast<std::ptrdiff_t>(random() % blocks.size()));
        auto const fill = static_cast<unsigned char>(random());
        void* got = nullptr;
        switch (random() % 4) {
            case 0:
                got = heap.allocate(bytes);
                break;
            case 1: {
                auto const alignment = std::size_t{1} << random() % 10;
                got = heap.allocate_aligned(alignment, bytes);
                ASSERT_EQ(reinterpret_cast<std::uintptr_t>(got) % alignment, 0u);
                break;
            }
            case 2:
                if (any != blocks.end()) {
                    auto const [at, old] = *any;
                    got = heap.reallocate(at, bytes);
                    if (got != nullptr) {
                        blocks.erase(any);
                        check(static_cast<unsigned char*>(got), std::min(bytes, old.first),
                              old.second);
                    }
                }
                break;
            default:
                if (any != blocks.end()) {
                    check(any->first, any->second.first, any->second.second);
                    heap.free(any->first);
                    blocks.erase(any);
                }
        }
        if (got != nullptr) {
            ASSERT_GE(heap.usable_bytes(got), bytes);
            std::memset(got, fill, bytes);
            ASSERT_TRUE(
                blocks.emplace(static_cast<unsigned char*>(got), std::pair{bytes, fill}).second);
        }
    }
    for (auto const& [at, block] : blocks) {
        check(at, block.first, block.second);
        heap.free(at);
    }
    EXPECT_EQ(buffer.complaint, nullptr);
    // All is one block again.
    EXPECT_NE(heap.allocate(buffer.bytes.size() - 64), nullptr);
}

// Blocks come and go until the heap is full again and again.
TEST(FixedHeap, SeventyPercentAreUsableForRandomRequests) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Buffer buffer;
        auto heap = buffer.heap(seed);
        std::mt19937_64 random(seed);
        std::vector<std::pair<void*, std::size_t>> blocks;
        std::size_t held = 0;
        std::size_t least = buffer.bytes.size();
        for (int round = 0; round < 5'000; ++round) {
            auto const bytes = 16 + random() % 497;
            if (auto* const block = heap.allocate(bytes)) {
                blocks.emplace_back(block, bytes);
                held += bytes;
                continue;
            }
            least = std::min(least, held);
            for (int i = 0; i < 40 && !blocks.empty(); ++i) {
                std::swap(blocks[random() % blocks.size()], blocks.back());
                heap.free(blocks.back().first);
                held -= blocks.back().second;
                blocks.pop_back();
            }
        }
        EXPECT_GE(least, buffer.bytes.size() * 7 / 10) << seed;
    }
}

TEST(FixedHeap, TheSameCallsGiveTheSameAddresses) {
    Buffer buffer;
    std::vector<void*> first;
    for (int round = 0; round < 2; ++round) {
        auto heap = buffer.heap(9);
        std::mt19937_64 random(9);
        std::vector<void*> got;
        for (int i = 0; i < 500; ++i) {
            got.push_back(heap.allocate(random() % 300));
            if (i % 3 == 0) {
                heap.free(got[random() % got.size()] == nullptr ? nullptr : got.back());
                got.back() = nullptr;
            }
        }
        EXPECT_TRUE(round == 0 || got == first);
        first = got;
    }
}

TEST(FixedHeap, MisuseIsReportedAndHarmless) {
    Buffer buffer;
    auto heap = buffer.heap();
    auto* const block = static_cast<char*>(heap.allocate(100));
    auto* const next = static_cast<char*>(heap.allocate(100));
    auto const complaint_of = [&](auto misuse) {
        buffer.complaint = nullptr;
        misuse();
        return std::string_view(buffer.complaint != nullptr ? buffer.complaint : "");
    };
    EXPECT_TRUE(complaint_of([&] { heap.free(block + 16); }).contains("no block"));
    EXPECT_TRUE(complaint_of([&] { heap.free(block + 1); }).contains("no block"));
    EXPECT_TRUE(complaint_of([&] { heap.free(&heap); }).contains("no block"));
    heap.free(block);
    EXPECT_TRUE(complaint_of([&] { heap.free(block); }).contains("double free"));
    auto* const again = static_cast<char*>(heap.allocate(100));
    EXPECT_TRUE(complaint_of([&] {
                    std::memset(again, 1, 120);
                    heap.free(again);
                }).contains("next to a block"));
    EXPECT_TRUE(complaint_of([&] { heap.free(next); }).contains("header was written to"));
    EXPECT_EQ(heap.allocate(~std::size_t{0}), nullptr);
    EXPECT_EQ(heap.allocate(std::size_t{64} << 10), nullptr);
    EXPECT_EQ(heap.allocate_aligned(24, 10), nullptr);
    FixedHeap tiny(std::span(buffer.bytes).first(48), 1, [](char const*, void const*) {});
    EXPECT_EQ(tiny.allocate(1), nullptr);
    heap.free(nullptr);
}

}  // namespace
}  // namespace slab
