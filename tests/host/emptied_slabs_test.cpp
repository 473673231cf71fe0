// Slabs of a thread that makes no calls, of which no block is in use any more and whose pages have gone.
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace slab {
namespace {

// Remembers the last mistake. Where pages are absent nobody may look. Heaps take turns, so all have seen everything.
struct NotingSource : MmapSource {
    bool synchronize() { return true; }
    static inline char const* mistake = nullptr;
    static inline void const* about = nullptr;
    void fail(char const* what, void const* pointer, std::size_t) {
        mistake = what;
        about = pointer;
    }
};

// Takes its time to take pages away.
struct SlowSource : test::UsableSource {
    bool synchronize() { return test::synchronize(); }
    void decommit(std::byte* at, std::size_t bytes) {
        for (int i = 0; i < 20; ++i) {
            std::this_thread::yield();
        }
        UsableSource::decommit(at, bytes);
    }
};

struct Case {
    std::size_t bytes;
    bool owner_frees_some;
};

class EmptiedSlabs : public ::testing::TestWithParam<Case> {
  protected:
    using Config = test::TurnsOf<NotingSource>;
    using Heap = LocalHeap<Config>;

    EmptiedSlabs() : bytes_(GetParam().bytes), size_class_(class_of(bytes_)) {
        NotingSource::mistake = nullptr;
        auto const blocks = fill(8 * blocks_a_slab(size_class_) + 1);
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (GetParam().owner_frees_some && i % 2 == 0) {
                owner().free(arena_, blocks[i]);
            }
        }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (!GetParam().owner_frees_some || i % 2 != 0) {
                other().free(arena_, blocks[i]);
            }
        }
        other().trim(arena_);
        arena_.trim();
        for (auto* const block : blocks) {
            if (slab_of(block).has_gone()) {
                gone_.push_back(block);
            }
        }
        // Up to four larger blocks are at hand, each of a slab.
        EXPECT_GE(gone_.size(), (GetParam().owner_frees_some && is_coarse(size_class_) ? 4u : 8u) *
                                    blocks_a_slab(size_class_));
    }
    ~EmptiedSlabs() override { arena_.release(); }

    Heap& owner() { return heaps_[Config::turn = 0]; }
    Heap& other() { return heaps_[Config::turn = 1]; }
    std::vector<void*> fill(std::size_t count) {
        std::vector<void*> blocks(count);
        for (auto*& block : blocks) {
            block = owner().allocate(arena_, bytes_);
            std::memset(block, 1, bytes_);
        }
        return blocks;
    }
    Unit const& slab_of(void const* block) const {
        return *arena_.head_at(reinterpret_cast<std::uintptr_t>(block));
    }
    void expect_double_free_of(void const* block) {
        EXPECT_EQ(std::string_view(NotingSource::mistake != nullptr ? NotingSource::mistake : ""),
                  double_free);
        EXPECT_EQ(NotingSource::about, block);
        NotingSource::mistake = nullptr;
    }

    std::size_t bytes_;
    std::size_t size_class_;
    Arena<Config> arena_;
    std::array<Heap, 2> heaps_;
    std::vector<void*> gone_;  // blocks of such slabs
};

TEST_P(EmptiedSlabs, HaveNoBlocksInUse) {
    auto const at_hand = heaps_[0].at_hand(arena_, size_class_);
    EXPECT_LE(statistics_of(arena_.runs()).in_use_bytes, at_hand * class_bytes(size_class_));
}

TEST_P(EmptiedSlabs, HoldNoPages) {
    auto const s = statistics_of(arena_.runs());
    auto const most_slabs =
        s.classes[size_class_].slabs - gone_.size() / blocks_a_slab(size_class_);
    auto const least = std::size_t{2} * unit_bytes;  // the other heap's, and larger ones at hand
    EXPECT_LE(s.held_bytes - s.metadata_bytes, most_slabs * slab_bytes(size_class_) + least);
}

TEST_P(EmptiedSlabs, AreTheirOwnersAgainWhenItComes) {
    auto const slabs = statistics_of(arena_.runs()).classes[size_class_].slabs;
    auto const again = fill(4 * blocks_a_slab(size_class_));
    EXPECT_EQ(statistics_of(arena_.runs()).classes[size_class_].slabs, slabs);
    for (auto* const block : again) {
        owner().free(arena_, block);
    }
    owner().trim(arena_);
    EXPECT_EQ(statistics_of(arena_.runs()).classes[size_class_].slabs, 0u);
    EXPECT_EQ(statistics_of(arena_.runs()).in_use_bytes, 0u);
    EXPECT_EQ(NotingSource::mistake, nullptr);
}

TEST_P(EmptiedSlabs, GoBackWhenTheirOwnerLooks) {
    owner().trim(arena_);
    arena_.trim();
    auto const s = statistics_of(arena_.runs());
    EXPECT_EQ(s.classes[size_class_].slabs, 0u);
    EXPECT_LE(s.held_bytes - s.metadata_bytes, unit_bytes);
}

TEST_P(EmptiedSlabs, GoBackWhenTheirOwnerEnds) {
    owner().abandon(arena_);
    arena_.trim();
    EXPECT_EQ(statistics_of(arena_.runs()).classes[size_class_].slabs, 0u);
}

TEST_P(EmptiedSlabs, AreLookedAtByAllThatFollowsFreeBlocks) {
    std::size_t count = 0;
    owner().for_each_free(arena_, [&](Unit const&, std::uintptr_t) { ++count; });
    EXPECT_LE(count, 5 * blocks_a_slab(size_class_));
    EXPECT_EQ(NotingSource::mistake, nullptr);
}

TEST_P(EmptiedSlabs, ABlockThatIsFreedAgainIsReported) {
    for (auto* const block : {gone_[0], gone_[1]}) {
        owner().free(arena_, block);
        expect_double_free_of(block);
        other().free(arena_, block);
        expect_double_free_of(block);
        owner().free_sized_slow(arena_, block, bytes_);
        expect_double_free_of(block);
        EXPECT_EQ(other().reallocate(arena_, block, 2 * bytes_), nullptr);
        EXPECT_STREQ(std::exchange(NotingSource::mistake, nullptr), not_in_use);
    }
}

INSTANTIATE_TEST_SUITE_P(, EmptiedSlabs,
                         ::testing::Values(Case{8, false}, Case{64, false}, Case{1024, false},
                                           Case{5000, false}, Case{20'000, false}, Case{8, true},
                                           Case{64, true}, Case{1024, true}, Case{5000, true},
                                           Case{20'000, true}));

// A block is freed again while the first frees of its slab wait for their owner.
TEST(EmptiedSlabsOf, MoreBlocksThanASlabHasAreReported) {
    using Config = test::TurnsOf<NotingSource>;
    constexpr std::size_t bytes = 20'000;
    Arena<Config> arena;
    std::array<LocalHeap<Config>, 2> heaps;
    Config::turn = 0;
    std::vector<void*> blocks(blocks_a_slab(class_of(bytes)));
    for (auto*& block : blocks) {
        block = heaps[0].allocate(arena, bytes);
    }
    Config::turn = 1;
    for (auto* const block : blocks) {
        heaps[1].free(arena, block);
    }
    *static_cast<std::uintptr_t*>(blocks[0]) = 0;  // written to, so that it does not look free
    NotingSource::mistake = nullptr;
    heaps[1].free(arena, blocks[0]);
    EXPECT_STREQ(NotingSource::mistake, double_free);
    arena.release();
}

// Owners come and go among those who free and take pages away, as if a second had passed each time.
TEST(EmptiedSlabsOf, BusyThreadsStayWhole) {
    using Config = test::ThreadsConfig<SlowSource>;
    static Arena<Config> arena;
    struct Block {
        unsigned char* at;
        std::size_t bytes;
        unsigned char fill;
    };
    constexpr unsigned threads = 3;
    constexpr unsigned rounds = 30;
    std::array<std::mutex, threads> mutexes;
    std::array<std::vector<Block>, threads> inboxes;
    std::atomic<unsigned> wrong = 0;
    std::atomic<unsigned> gone = 0;
    auto const count_gone = [&] {
        std::lock_guard const guard(arena.lock());
        for (std::uint32_t i = 1; i < arena.runs().used_units(); ++i) {
            gone += arena.runs().unit(i).has_gone() ? 1 : 0;
        }
    };
    auto const work = [&](unsigned id) {
        LocalHeap<Config> heap;
        std::mt19937 random(id);
        for (unsigned round = 0; round < rounds; ++round) {
            std::vector<Block> blocks(1 + random() % 4000);
            auto const most = random() % 4 == 0 ? 12'000u : 300u;
            for (auto& block : blocks) {
                auto const bytes = 64 + (random() % most & ~63u);
                block = {static_cast<unsigned char*>(heap.allocate(arena, bytes)), bytes,
                         static_cast<unsigned char>(random())};
                std::memset(block.at, block.fill, std::min<std::size_t>(bytes, 128));
            }
            auto const free = [&](Block const& block) {
                wrong += block.at[0] != block.fill || block.at[63] != block.fill ? 1 : 0;
                heap.free(arena, block.at);
            };
            // None, some or most of its own; the next thread those that are left.
            auto const left = std::ranges::partition(
                blocks, [&, own = random() % 4](Block const&) { return random() % 4 < own; });
            std::for_each(blocks.begin(), left.begin(), free);
            {
                auto const to = (id + 1) % threads;
                std::lock_guard const guard(mutexes[to]);
                inboxes[to].insert(inboxes[to].end(), left.begin(), left.end());
            }
            std::vector<Block> mine;
            {
                std::lock_guard const guard(mutexes[id]);
                mine.swap(inboxes[id]);
            }
            std::ranges::for_each(mine, free);
            if (random() % 2 == 0) {
                heap.trim(arena);
            }
            arena.trim();
            count_gone();
        }
        heap.abandon(arena);
    };
    test::run_threads(threads, work);
    LocalHeap<Config> last;
    for (auto const& inbox : inboxes) {
        for (auto const& block : inbox) {
            last.free(arena, block.at);
        }
    }
    last.abandon(arena);
    arena.trim();
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(gone, 0u);
    EXPECT_EQ(statistics_of(arena.runs()).in_use_bytes, 0u);
    arena.release();
}

}  // namespace
}  // namespace slab
