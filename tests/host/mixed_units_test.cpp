// Slabs of which few blocks are left: they serve blocks of other sizes, and all that is promised of blocks stays true.
#include "tests/host/survivors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace slab::test {
namespace {

TEST(MixedUnits, BlocksOfOtherSizesLieAmongSurvivors) {
    Survivors all;
    auto const held = all.held_bytes();
    for (std::size_t added = 0; added < (std::size_t{2} << 20); added += 400) {
        all.add(300 + all.random() % 200);
    }
    EXPECT_LT(all.held_bytes(), held + (std::size_t{1} << 20));
    all.expect_all_whole();
    for (auto const& block : all.blocks) {
        ASSERT_GE(all.heap.usable_bytes(all.arena, block.at), block.bytes);
        ASSERT_LT(all.heap.usable_bytes(all.arena, block.at), block.bytes * 5 / 4 + quantum);
    }
    all.expect_nothing_left();
}

TEST(MixedUnits, BlocksAreAlignedAsAsked) {
    Survivors all;
    std::size_t in_mixed = 0;
    for (std::size_t alignment = 16; alignment <= 1'024; alignment *= 2) {
        for (std::size_t bytes = 1; bytes < 1'100; bytes += 90) {
            auto* const block = all.heap.allocate_aligned(all.arena, alignment, bytes);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u) << bytes;
            in_mixed += all.kind_at(block) == UnitKind::mixed ? 1 : 0;
            all.heap.free(all.arena, block);
        }
    }
    EXPECT_GT(in_mixed, 50u);
    all.expect_nothing_left();
}

TEST(MixedUnits, StatisticsHaveTheirBlocksInTheirClasses) {
    Survivors all;
    auto const before = statistics_of(all.arena.runs());
    auto const size_class = class_of(304);
    for (int i = 0; i < 20; ++i) {
        all.heap.free(all.arena, all.mixed(304));
        all.add(304);
    }
    auto const after = statistics_of(all.arena.runs());
    auto const at_hand = all.heap.at_hand(all.arena, all.heap.serving(size_class));
    auto const& in_classes = after.classes[all.heap.serving(size_class)];
    EXPECT_EQ(in_classes.blocks_in_use - at_hand, 20u);
    EXPECT_EQ(after.in_use_bytes - before.in_use_bytes,
              (20 + at_hand) * class_bytes(all.heap.serving(size_class)));
    all.expect_nothing_left();
}

TEST(MixedUnits, BlocksChangeTheirSize) {
    Survivors all;
    for (std::size_t const bytes : {310u, 200u, 600u, 5'000u, 100'000u}) {
        auto* const block = all.mixed(304);
        std::memset(block, 7, 304);
        auto* const moved =
            static_cast<unsigned char*>(all.heap.reallocate(all.arena, block, bytes));
        EXPECT_TRUE(std::all_of(moved, moved + std::min<std::size_t>(bytes, 304),
                                [](unsigned char byte) { return byte == 7; }));
        all.heap.free(all.arena, moved);
    }
    for (auto& block : all.blocks) {  // those that were there before, too
        block.at = static_cast<unsigned char*>(
            all.heap.reallocate(all.arena, block.at, block.bytes + 100));
    }
    all.expect_all_whole();
    all.expect_nothing_left();
}

// Blocks of mixed units cost more: what comes and goes all the time has soon none of them.
TEST(MixedUnits, WhatIsMadeAndDroppedAllTheTimeComesToHavePagesOfItsOwn) {
    Survivors all;
    std::vector<void*> live(500);
    std::size_t in_mixed = 0;
    for (int i = 0; i < 100'000; ++i) {
        auto*& block = live[all.random() % live.size()];
        all.heap.free(all.arena, block);
        block = all.heap.allocate(all.arena, 300);
    }
    for (auto* const block : live) {
        in_mixed += all.kind_at(block) == UnitKind::mixed ? 1 : 0;
        all.heap.free(all.arena, block);
    }
    EXPECT_LT(in_mixed, live.size() / 10);
    all.expect_nothing_left();
}

TEST(MixedUnits, ServeAgainWhenMuchOfThemIsFree) {
    Survivors all;
    auto const survivors = static_cast<std::ptrdiff_t>(all.blocks.size());
    while (all.arena.has_mixed()) {
        all.add(400);
    }
    std::for_each(all.blocks.begin() + survivors, all.blocks.end(),
                  [&](Block const& block) { all.heap.free(all.arena, block.at); });
    all.blocks.resize(static_cast<std::size_t>(survivors));
    EXPECT_TRUE(all.arena.has_mixed());
    all.expect_nothing_left();
}

// And those of which nothing is in use go back.
TEST(MixedUnits, FreePagesGoBackInTime) {
    Survivors all;
    auto const survivors = static_cast<std::ptrdiff_t>(all.blocks.size());
    for (std::size_t added = 0; added < (std::size_t{4} << 20); added += 1'000) {
        all.add(1'000);
    }
    std::for_each(all.blocks.begin() + survivors, all.blocks.end(),
                  [&](Block const& block) { all.heap.free(all.arena, block.at); });
    all.blocks.resize(static_cast<std::size_t>(survivors));
    std::erase_if(all.blocks, [&](Block const& block) {
        bool const goes = all.random() % 64 != 0;
        goes ? all.heap.free(all.arena, block.at) : void();
        return goes;
    });
    EXPECT_GT(all.held_bytes(), std::uint64_t{3} << 20);
    all.heap.trim(all.arena);
    EXPECT_LT(all.held_bytes(), std::uint64_t{1} << 20);
    all.expect_all_whole();
    all.expect_nothing_left();
}

// A slab of which a page is there, and three blocks are in use.
struct ThreeBlocks {
    static constexpr std::size_t bytes = 80;
    static constexpr std::uint32_t count = 3;
    explicit ThreeBlocks(Survivors& all)
        : slab(all.arena.runs().unit(all.arena.make_slab(class_of(bytes), 0))) {
        (void)all.arena.commit_slab(slab, 1);
        for (std::size_t i = 0; i < count; ++i) {
            at[i] = all.arena.first_block(slab) + i * bytes;
        }
        slab.carved = count;
        slab.until_change = count;
    }
    Unit& slab;
    std::array<std::uintptr_t, count> at{};
};

// Another thread took it for a slab before, and gives a block back in the way of slabs.
TEST(MixedUnits, WhatWasGivenToTheSlabIsTaken) {
    Survivors all;
    ThreeBlocks three(all);
    all.arena.give_remote(three.slab, {three.at[1], three.at[1], 1});
    ASSERT_TRUE(all.arena.mix(three.slab, {}));
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[0]), 80u);
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[1]), 0u);
    all.arena.give_remote(three.slab, {three.at[0], three.at[0], 1});
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[0]), 0u);
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[2]), 80u);
    all.arena.give_remote(three.slab, {three.at[2], three.at[2], 1});
    EXPECT_NE(three.slab.kind, UnitKind::mixed);
    all.expect_nothing_left();
}

TEST(MixedUnits, PagesThatAreNotThereAreNobodys) {
    Survivors all;
    auto const held = all.held_bytes();
    ThreeBlocks three(all);
    EXPECT_EQ(all.held_bytes(), held + page_bytes);
    ASSERT_TRUE(all.arena.mix(three.slab, {}));
    EXPECT_LE(all.held_bytes(), held + 2 * page_bytes);  // with what is noted of it
    EXPECT_GE(all.held_bytes(), held + page_bytes);
    std::vector<void*> blocks(200);
    for (auto*& block : blocks) {
        block = all.heap.allocate(all.arena, 400);
        auto const page = (reinterpret_cast<std::uintptr_t>(block) + 399) / page_bytes;
        EXPECT_TRUE(all.arena.unit_at(reinterpret_cast<std::uintptr_t>(block)) != &three.slab ||
                    page == three.at[0] / page_bytes);
    }
    std::ranges::for_each(three.at, [&](std::uintptr_t block) {
        all.heap.free_mixed(all.arena, three.slab, block, {});
    });
    std::ranges::for_each(blocks, [&](void* block) { all.heap.free(all.arena, block); });
    all.expect_nothing_left();
}

TEST(MixedUnits, ASlabStaysOneWhereThereIsNoMemoryForWhatMustBeNoted) {
    // Which commit is the first one for that?
    constexpr std::uint64_t many = 1'000'000;
    std::uint64_t left = many;
    {
        Survivors all(Survivors::When::later);
        for (all.fails_at = many; !all.arena.has_mixed();) {
            left = all.fails_at;
            ASSERT_NE(all.heap.allocate(all.arena, 512), nullptr);
        }
    }
    for (auto const after : {0u, 1u, 2u}) {
        Survivors again(Survivors::When::later);
        again.fails_at = many - left + after;
        while (again.heap.allocate(again.arena, 512) != nullptr) {
        }
        EXPECT_EQ(again.fails_at, 0u);
        // What is free of the slabs serves as before.
        again.fails_at = UINT64_MAX;
        auto const held = again.held_bytes();
        for (std::size_t added = 0; added < (std::size_t{4} << 20); added += 80) {
            again.add(64 + again.random() % 32);
        }
        EXPECT_LT(again.held_bytes(), held + (std::uint64_t{1} << 20));
        again.expect_all_whole();
    }
}

TEST(MixedUnits, NothingIsLostWhereThereIsNoMemory) {
    for (std::uint64_t commits = 0; commits < 24; ++commits) {
        Survivors all;
        all.fails_at = commits;
        for (int i = 0; i < 20'000; ++i) {
            all.add(16 + all.random() % 900);
        }
        all.expect_all_whole();
        all.fails_at = UINT64_MAX;
        all.expect_nothing_left();
    }
}

TEST(MixedUnits, RandomPhasesAgreeWithAReferenceList) {
    Survivors all;
    for (unsigned phase = 0; phase < 12; ++phase) {
        auto const least = 16 + all.random() % 700;
        for (std::size_t added = 0; added < (std::size_t{4} << 20);) {
            auto const bytes = least + all.random() % 200;
            all.add(bytes);
            added += bytes;
            if (all.random() % 4 == 0) {
                std::swap(all.blocks[all.random() % all.blocks.size()], all.blocks.back());
                ASSERT_TRUE(all.blocks.back().is_whole());
                all.heap.free(all.arena, all.blocks.back().at);
                all.blocks.pop_back();
            }
        }
        all.expect_all_whole();
        std::erase_if(all.blocks, [&](Block const& block) {
            bool const goes = all.random() % 10 != 0;
            goes ? all.heap.free(all.arena, block.at) : void();
            return goes;
        });
    }
    all.expect_all_whole();
    all.expect_nothing_left();
}

}  // namespace
}  // namespace slab::test
