// Larger blocks at hand: in which order they come, and that they keep no memory from anybody.
#include "heap/coarse_hand.hpp"

#include "heap/local_heap.hpp"
#include "heap/sources/failing.hpp"
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace slab {
namespace {

using Config = test::TurnsOf<Failing<test::UsableSource>>;

class LargerBlocks : public ::testing::Test {
  protected:
    static constexpr std::size_t bytes = 16'000;
    static constexpr std::size_t in_a_slab = blocks_a_slab(class_of(bytes));

    LargerBlocks() { Config::turn = 0; }
    ~LargerBlocks() override { arena_.release(); }

    void* allocate(std::size_t size = bytes) { return heaps_[Config::turn].allocate(arena_, size); }
    void free(void* block) { heaps_[Config::turn].free(arena_, block); }
    // Of so many slabs all blocks, in the order of their slabs.
    std::vector<void*> fill(std::size_t slabs) {
        std::vector<void*> blocks(slabs * in_a_slab);
        std::ranges::generate(blocks, [&] { return allocate(); });
        return blocks;
    }
    template <typename Visit>
    void for_each_slab(Visit visit) {
        for (std::uint32_t i = 1; i < arena_.runs().used_units(); ++i) {
            if (auto& unit = arena_.runs().unit(i); unit.kind == UnitKind::slab) {
                visit(unit);
            }
        }
    }

    char const* complaint_ = nullptr;
    Arena<Config> arena_{[this] {
        Failing<test::UsableSource> source;
        source.complaint = &complaint_;
        return source;
    }()};
    std::array<LocalHeap<Config>, 2> heaps_;
};

TEST_F(LargerBlocks, OfFullSlabsComeBackLastFirst) {
    auto const blocks = fill(4);
    std::array const freed{blocks[0], blocks[in_a_slab], blocks[2 * in_a_slab]};
    std::ranges::for_each(freed, [&](void* block) { free(block); });
    EXPECT_EQ(allocate(), freed[2]);
    EXPECT_EQ(allocate(), freed[1]);
    EXPECT_EQ(allocate(), freed[0]);
    std::ranges::for_each(freed, [&](void* block) { free(block); });  // nobody wrote to them
    EXPECT_EQ(complaint_, nullptr);
}

TEST_F(LargerBlocks, AtHandKeepNoSlabThatIsEmptyButForThem) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        auto blocks = fill(50);
        std::ranges::shuffle(blocks, std::mt19937(seed));
        std::ranges::for_each(blocks, [&](void* block) { free(block); });
        std::uint32_t slabs = 0;
        for_each_slab([&](Unit const&) { ++slabs; });
        ASSERT_LE(slabs, 2u) << seed;  // the current one, and one that is kept
    }
}

TEST_F(LargerBlocks, ASecondFreeOfOneAtHandIsReported) {
    auto const blocks = fill(3);
    free(blocks[0]);
    free(blocks[in_a_slab]);
    for (auto* const block : {blocks[0], blocks[in_a_slab]}) {
        EXPECT_EQ(std::exchange(complaint_, nullptr), nullptr);
        free(block);
        EXPECT_EQ(std::exchange(complaint_, nullptr), double_free);
    }
}

TEST_F(LargerBlocks, OfAnEndedThreadAreForOthers) {
    auto const blocks = fill(3);
    std::set<void*> freed;
    for (std::size_t i = 0; i < blocks.size(); i += in_a_slab) {
        free(blocks[i]);
        freed.insert(blocks[i]);
    }
    heaps_[0].abandon(arena_);
    Config::turn = 1;
    for (auto left = freed.size(); left != 0; --left) {
        EXPECT_EQ(freed.erase(allocate()), 1u);
    }
}

// Two heaps, each other's blocks, ends of threads: what is in a block stays there, and in the end nothing is in use.
TEST_F(LargerBlocks, AgreeWithAReferenceMap) {
    struct Block {
        unsigned char* at;
        std::size_t size;
        unsigned char fill;
    };
    constexpr std::array<std::size_t, 5> sizes{1'100, 5'000, 9'000, 16'000, 32'000};
    std::mt19937 random(3);
    std::vector<Block> blocks;
    bool is_growing = true;
    for (int step = 0; step < 200'000; ++step) {
        Config::turn = random() % 2;
        auto const kind = random() % 20'000;
        if (kind == 0) {
            heaps_[Config::turn].abandon(arena_);
        } else if (kind == 1) {
            heaps_[Config::turn].trim(arena_);
        } else if (kind < (is_growing ? 11'000 : 9'000)) {
            auto const size = sizes[random() % sizes.size()];
            auto const fill = static_cast<unsigned char>(step);
            auto* const at = static_cast<unsigned char*>(allocate(size));
            std::memset(at, fill, 16);
            at[size - 1] = fill;
            blocks.push_back({at, size, fill});
        } else if (!blocks.empty()) {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            auto const [at, size, fill] = blocks.back();
            ASSERT_TRUE(at[0] == fill && at[15] == fill && at[size - 1] == fill);
            free(at);
            blocks.pop_back();
        }
        is_growing = blocks.size() < (is_growing ? 400 : 100);
        ASSERT_EQ(complaint_, nullptr);
    }
    for (auto const& block : blocks) {
        free(block.at);
    }
    for (auto const turn : {0, 1}) {
        Config::turn = static_cast<std::size_t>(turn);
        heaps_[Config::turn].abandon(arena_);
    }
    for_each_slab([&](Unit& slab) {
        arena_.collect(slab);  // what came back after its thread's end
        EXPECT_EQ(slab.used(), 0u);
    });
}

}  // namespace
}  // namespace slab
