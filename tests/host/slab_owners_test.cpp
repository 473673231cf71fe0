// Slabs that one thread filled and others freed, or that outlive their thread: who has their memory next.
#include "heap/heap.hpp"
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <vector>

namespace slab {
namespace {

class SlabOwners : public ::testing::Test {
  protected:
    using Config = test::TurnsConfig;
    using Heap = LocalHeap<Config>;

    ~SlabOwners() override { arena_.release(); }

    Heap& in_turn(std::size_t turn) {
        Config::turn = turn;
        return heaps_[turn];
    }
    std::vector<void*> allocate(std::size_t turn, std::size_t bytes, std::size_t count) {
        std::vector<void*> blocks(count);
        for (auto& block : blocks) {
            block = in_turn(turn).allocate(arena_, bytes);
        }
        return blocks;
    }
    void free_all(std::size_t turn, std::vector<void*> const& blocks) {
        for (auto* const block : blocks) {
            in_turn(turn).free(arena_, block);
        }
    }
    std::uint64_t held() const { return statistics_of(arena_.runs()).held_bytes; }
    std::uint32_t slabs(std::size_t bytes) const {
        return statistics_of(arena_.runs()).classes[class_of(bytes)].slabs;
    }

    Unit const* slab_of(void const* block) const {
        return arena_.head_at(reinterpret_cast<std::uintptr_t>(block));
    }

    Arena<Config> arena_;
    std::array<Heap, 3> heaps_;
};

TEST_F(SlabOwners, WhatOthersHaveEmptiedIsThereForEveryClass) {
    constexpr std::size_t filled = 64;
    constexpr std::size_t wanted = 1024;
    constexpr std::size_t slabs = 6;
    auto const blocks = allocate(0, filled, slabs * blocks_a_slab(class_of(filled)) + 1);
    allocate(0, wanted, blocks_a_slab(class_of(wanted)));
    free_all(1, blocks);
    in_turn(1).abandon(arena_);
    auto const before = held();
    allocate(0, wanted, slabs * blocks_a_slab(class_of(wanted)));
    EXPECT_EQ(held(), before);
    EXPECT_LE(this->slabs(filled), 1u);
}

// Its class's next blocks come from there, too.
TEST_F(SlabOwners, WhatOthersHaveHalfEmptiedStaysItsClasses) {
    constexpr std::size_t filled = 64;
    constexpr std::size_t capacity = blocks_a_slab(class_of(filled));
    auto const blocks = allocate(0, filled, 6 * capacity + 1);
    std::vector<void*> half;
    for (std::size_t i = 0; i < blocks.size(); i += 2) {
        half.push_back(blocks[i]);
    }
    free_all(1, half);
    in_turn(1).abandon(arena_);
    allocate(0, 1024, 4 * blocks_a_slab(class_of(1024)));
    auto const before = held();
    allocate(0, filled, 3 * capacity);
    EXPECT_EQ(held(), before);
}

TEST_F(SlabOwners, TheSlabThatHasWaitedLongestIsAdoptedFirst) {
    auto const early = allocate(0, 64, 2);
    auto const late = allocate(1, 64, 2);
    free_all(0, {early[1]});
    free_all(1, {late[1]});
    in_turn(0).abandon(arena_);
    in_turn(1).abandon(arena_);
    auto const next = allocate(2, 64, 1);
    EXPECT_EQ(slab_of(next[0]), slab_of(early[0]));
}

// Full ones of an ended thread come first, so that what is freed of them is seen.
TEST_F(SlabOwners, WhoAdoptsPartOfAClassHasItsFullSlabs) {
    constexpr std::size_t capacity = blocks_a_slab(class_of(64));
    allocate(0, 64, 3 * capacity + 1);
    in_turn(0).abandon(arena_);
    allocate(1, 64, 1);
    EXPECT_EQ(in_turn(1).slabs(class_of(64)), 4u);
}

TEST_F(SlabOwners, AnEmptySlabOfAPageWaitsForTheNextThread) {
    auto const blocks = allocate(0, 8, 1);
    auto const large = allocate(0, 1024, 2 * blocks_a_slab(class_of(1024)));
    free_all(0, blocks);
    free_all(0, large);
    in_turn(0).abandon(arena_);
    EXPECT_EQ(slabs(8), 1u);
    EXPECT_EQ(slabs(1024), 0u);
    auto const next = allocate(1, 8, 1);
    EXPECT_EQ(slab_of(next[0]), slab_of(blocks[0]));
    free_all(1, next);
    in_turn(1).abandon(arena_);
    arena_.trim();
    EXPECT_EQ(slabs(8), 0u);
}

TEST_F(SlabOwners, ASecondEmptySlabGoesBack) {
    auto const early = allocate(0, 8, 1);
    auto const late = allocate(1, 8, 1);
    free_all(0, early);
    free_all(1, late);
    in_turn(0).abandon(arena_);
    in_turn(1).abandon(arena_);
    EXPECT_EQ(slabs(8), 1u);
}

}  // namespace
}  // namespace slab
