// Slabs of a thread that makes no calls, of which others have freed every block and whose pages have gone.
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

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

// Remembers the last mistake. Where pages are absent nobody may look.
struct NotingSource : MmapSource {
    static inline char const* mistake = nullptr;
    static inline void const* about = nullptr;
    void fail(char const* what, void const* pointer, std::size_t) {
        mistake = what;
        about = pointer;
    }
};

// Takes its time to take pages away.
struct SlowSource : test::UsableSource {
    void decommit(std::byte* at, std::size_t bytes) {
        for (int i = 0; i < 20; ++i) {
            std::this_thread::yield();
        }
        UsableSource::decommit(at, bytes);
    }
};

class EmptiedSlabs : public ::testing::TestWithParam<std::size_t> {
  protected:
    using Config = test::TurnsOf<NotingSource>;
    using Heap = LocalHeap<Config>;

    EmptiedSlabs() : size_class_(class_of(GetParam())) {
        NotingSource::mistake = nullptr;
        blocks_ = fill(6 * blocks_a_slab(size_class_) + 1);
        auto const pages = arena_.runs().held_pages();
        for (auto* const block : blocks_) {
            other().free(arena_, block);
        }
        other().trim(arena_);
        arena_.trim();
        EXPECT_LE(arena_.runs().held_pages() + 6 * slab_bytes(size_class_) / page_bytes, pages);
    }
    ~EmptiedSlabs() override { arena_.release(); }

    Heap& owner() { return heaps_[Config::turn = 0]; }
    Heap& other() { return heaps_[Config::turn = 1]; }
    std::vector<void*> fill(std::size_t count) {
        std::vector<void*> blocks(count);
        for (auto*& block : blocks) {
            block = owner().allocate(arena_, GetParam());
            std::memset(block, 1, GetParam());
        }
        return blocks;
    }
    bool is_here(void const* block) const {
        auto const address = reinterpret_cast<std::uintptr_t>(block);
        return arena_.head_at(address)->kind == UnitKind::slab;
    }
    void expect_double_free_of(void const* block) {
        EXPECT_EQ(std::string_view(NotingSource::mistake != nullptr ? NotingSource::mistake : ""),
                  double_free);
        EXPECT_EQ(NotingSource::about, block);
        NotingSource::mistake = nullptr;
    }

    std::size_t size_class_;
    Arena<Config> arena_;
    std::array<Heap, 2> heaps_;
    std::vector<void*> blocks_;
};

TEST_P(EmptiedSlabs, HaveNoBlocksInUse) {
    auto const statistics = statistics_of(arena_.runs());
    EXPECT_LE(statistics.in_use_bytes, page_bytes);  // a list at hand
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
    EXPECT_EQ(statistics_of(arena_.runs()).classes[size_class_].slabs, 0u);
    auto const s = statistics_of(arena_.runs());
    EXPECT_LE(s.held_bytes - s.metadata_bytes, std::size_t{64} << 10);
}

TEST_P(EmptiedSlabs, GoBackWhenTheirOwnerEnds) {
    owner().abandon(arena_);
    arena_.trim();
    EXPECT_EQ(statistics_of(arena_.runs()).classes[size_class_].slabs, 0u);
}

TEST_P(EmptiedSlabs, AreLookedAtByAllThatFollowsFreeBlocks) {
    std::size_t count = 0;
    owner().for_each_free(arena_, [&](Unit const&, std::uintptr_t) { ++count; });
    EXPECT_LE(count, blocks_a_slab(size_class_));
    EXPECT_EQ(NotingSource::mistake, nullptr);
}

TEST_P(EmptiedSlabs, ABlockThatIsFreedAgainIsReported) {
    ASSERT_TRUE(is_here(blocks_[0]));
    owner().free(arena_, blocks_[0]);
    expect_double_free_of(blocks_[0]);
    other().free(arena_, blocks_[1]);
    expect_double_free_of(blocks_[1]);
    owner().free_sized_slow(arena_, blocks_[2], GetParam());
    expect_double_free_of(blocks_[2]);
    EXPECT_EQ(other().reallocate(arena_, blocks_[0], 2 * GetParam()), nullptr);
    EXPECT_STREQ(std::exchange(NotingSource::mistake, nullptr), not_in_use);
}

INSTANTIATE_TEST_SUITE_P(, EmptiedSlabs, ::testing::Values(8, 64, 1000, 5000, 20'000));

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
            {
                auto const to = (id + 1) % threads;
                std::lock_guard const guard(mutexes[to]);
                inboxes[to].insert(inboxes[to].end(), blocks.begin(), blocks.end());
            }
            std::vector<Block> mine;
            {
                std::lock_guard const guard(mutexes[id]);
                mine.swap(inboxes[id]);
            }
            for (auto const& block : mine) {
                wrong += block.at[0] != block.fill || block.at[63] != block.fill ? 1 : 0;
                heap.free(arena, block.at);
            }
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
