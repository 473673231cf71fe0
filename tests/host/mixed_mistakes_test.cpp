// What programs do wrong with blocks of mixed units.
#include "tests/host/survivors.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace slab::test {
namespace {

// What of a block's mixed unit waits in a list.
std::vector<void*> at_hand_beside(Survivors const& all, void const* block) {
    auto const& unit = *all.arena.unit_at(reinterpret_cast<std::uintptr_t>(block));
    std::vector<void*> blocks;
    granules_of(unit).for_each_block([&](std::uint32_t granule, std::uint32_t) {
        auto const address = all.arena.memory_of(unit) + granule * quantum;
        if (LinkKey::is_free(all.arena.key().step(address))) {
            blocks.push_back(reinterpret_cast<void*>(address));
        }
    });
    return blocks;
}

TEST(MixedUnits, MistakesAreReported) {
    Survivors all;
    auto* const block = all.mixed(304);
    auto* const other = all.mixed(304);
    auto const failure_of_free = [&](void* pointer, Freed freed = {}) {
        all.failure = nullptr;
        all.heap.free_slow(all.arena, pointer, freed);
        return std::string_view(all.failure != nullptr ? all.failure : "");
    };
    EXPECT_EQ(failure_of_free(block + 8), into_the_middle);
    EXPECT_EQ(failure_of_free(block + 16), into_the_middle);
    EXPECT_EQ(failure_of_free(block), "");
    EXPECT_EQ(failure_of_free(block), no_block);
    EXPECT_EQ(failure_of_free(block + 32), no_block);
    EXPECT_EQ(failure_of_free(other, {.bytes = 100}), wrong_size);
    EXPECT_EQ(failure_of_free(all.mixed(304), {.bytes = 304, .alignment = 1 << 12}),
              wrong_alignment);
    EXPECT_EQ(failure_of_free(all.mixed(304), {.bytes = 304}), "");
    all.failure = nullptr;
    EXPECT_EQ(all.heap.usable_bytes(all.arena, block), 0u);
    EXPECT_STREQ(all.failure, "use of a pointer that is no block in use");
    all.failure = nullptr;
    all.expect_nothing_left();
}

// Also where a list of the size that was told is at hand in the block's own unit.
TEST(MixedUnits, ASizeThatIsNotTheBlocksIsReported) {
    Survivors all;
    std::vector<void*> blocks;
    for (int i = 0; i < 400; ++i) {
        void* const block = all.heap.allocate(all.arena, 256);
        if (all.kind_at(block) == UnitKind::mixed) {
            blocks.push_back(block);
        }
        (void)all.heap.allocate(all.arena, 128);
    }
    ASSERT_GT(blocks.size(), 50u);
    for (auto* const block : blocks) {
        all.failure = nullptr;
        LocalHeap<Survivors::Config>::free_sized(all.heap, all.arena, block, 128, [&](void* other) {
            all.heap.free_sized_slow(all.arena, other, 128);
        });
        ASSERT_STREQ(all.failure, wrong_size);
    }
}

// Some come at once: those that wait for their turn are in use for their unit, and cannot be freed by mistake.
TEST(MixedUnits, ABlockAtHandIsNobodysYet) {
    Survivors all;
    auto const size_class = all.heap.serving(class_of(304));
    auto* const first = all.mixed(304);
    auto const at_hand = all.heap.at_hand(all.arena, size_class);
    ASSERT_GT(at_hand, 0u);
    auto const blocks = at_hand_beside(all, first);
    EXPECT_EQ(blocks.size(), at_hand);
    for (auto* const block : blocks) {
        all.failure = nullptr;
        all.heap.free(all.arena, block);
        EXPECT_STREQ(all.failure, double_free);
    }
    EXPECT_EQ(all.heap.at_hand(all.arena, size_class), at_hand);
    all.failure = nullptr;
    all.heap.free(all.arena, first);
    all.expect_nothing_left();
}

// Nor does it belong to who has no such list, whether it ever had one or not.
TEST(MixedUnits, ABlockAtHandElsewhereIsNobodysYet) {
    for (bool const had_one : {false, true}) {
        Survivors all;
        LocalHeap<Survivors::Config> other;
        auto* const first = all.mixed(304);
        Survivors::Config::turn = 1;
        if (had_one) {
            other.free_slow(all.arena, other.allocate(all.arena, 96));
        }
        auto const blocks = at_hand_beside(all, first);
        EXPECT_GT(blocks.size(), 0u);
        for (auto* const block : blocks) {
            all.failure = nullptr;
            other.free_slow(all.arena, block);
            EXPECT_STREQ(all.failure, double_free);
        }
        all.failure = nullptr;
        other.free_slow(all.arena, first);
        other.abandon(all.arena);
        Survivors::Config::turn = 0;
        all.expect_nothing_left();
    }
}

// A thread frees blocks of another's slabs, adopts those and makes mixed units of them before it told them.
TEST(MixedUnits, WhatIsOnItsWayToASlabIsNotInUseWhenThatIsMixed) {
    Survivors all(Survivors::When::later);
    LocalHeap<Survivors::Config> other;
    all.heap.abandon(all.arena);
    Survivors::Config::turn = 1;
    std::vector<void*> freed;
    for (std::size_t i = 0; i < all.blocks.size(); i += 2) {
        freed.push_back(all.blocks[i].at);
        other.free_slow(all.arena, freed.back());
    }
    std::vector<void*> adopting(std::size_t{100'000});
    for (std::size_t i = 0; i != adopting.size(); ++i) {
        adopting[i] = other.allocate(all.arena, 64 + i % 32);
    }
    for (auto* const block : adopting) {
        other.free(all.arena, block);
    }
    all.grow(other);
    for (auto* const block : freed) {
        all.failure = nullptr;
        other.free_slow(all.arena, block);
        EXPECT_STRNE(all.failure, nullptr);
    }
    Survivors::Config::turn = 0;
}

// Its link leads nowhere then, and is not followed.
TEST(MixedUnits, ABlockAtHandThatWasWrittenToIsReported) {
    for (auto const word : {std::uintptr_t{0}, UINTPTR_MAX, std::uintptr_t{0x1234'5678}}) {
        Survivors all;
        auto* const first = all.mixed(304);
        auto const& unit = *all.arena.unit_at(reinterpret_cast<std::uintptr_t>(first));
        granules_of(unit).for_each_block([&](std::uint32_t granule, std::uint32_t) {
            auto const address = all.arena.memory_of(unit) + granule * quantum;
            if (LinkKey::is_free(all.arena.key().step(address))) {
                *reinterpret_cast<std::uintptr_t*>(address) = word;
            }
        });
        EXPECT_NE(all.heap.allocate(all.arena, 304), nullptr);
        EXPECT_STREQ(all.failure, corrupted);
    }
}

}  // namespace
}  // namespace slab::test
