// Mixed units of several threads.
#include "tests/host/survivors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace slab::test {
namespace {

// Each thread frees what others made, while slabs become mixed units under it.
TEST(MixedUnits, OthersFreeTheirBlocksMeanwhile) {
    static Arena<ThreadsConfig<UsableSource>> arena;
    constexpr unsigned threads = 3;
    constexpr unsigned phases = 10;
    struct Shared {
        std::mutex mutex;
        std::vector<Block> blocks;
    };
    std::array<Shared, threads> shared;
    std::atomic<unsigned> wrong = 0;
    std::atomic<unsigned> in_mixed = 0;
    auto const work = [&](unsigned id) {
        LocalHeap<ThreadsConfig<UsableSource>> heap;
        std::mt19937 random(id);
        auto const free = [&](Block const& block) {
            wrong += block.is_whole() ? 0 : 1;
            heap.free(arena, block.at);
        };
        for (unsigned phase = 0; phase < phases; ++phase) {
            std::vector<Block> mine;
            for (std::size_t added = 0; added < (std::size_t{3} << 20);) {
                auto const bytes = 32 + phase * 60 + random() % 64;
                Block const block{static_cast<unsigned char*>(heap.allocate(arena, bytes)), bytes,
                                  static_cast<unsigned char>(random())};
                std::memset(block.at, block.fill, bytes);
                auto const* const unit = arena.unit_at(reinterpret_cast<std::uintptr_t>(block.at));
                in_mixed += unit->kind == UnitKind::mixed ? 1 : 0;
                mine.push_back(block);
                added += bytes;
                // One in sixteen passes to another thread, which frees some of those that it has.
                if (random() % 16 == 0) {
                    auto& there = shared[random() % threads];
                    std::lock_guard const guard(there.mutex);
                    there.blocks.push_back(block);
                    mine.pop_back();
                }
                if (random() % 64 == 0) {
                    auto& here = shared[id];
                    std::lock_guard const guard(here.mutex);
                    if (!here.blocks.empty()) {
                        std::swap(here.blocks[random() % here.blocks.size()], here.blocks.back());
                        free(here.blocks.back());
                        here.blocks.pop_back();
                    }
                }
            }
            std::ranges::for_each(mine, free);
        }
        heap.abandon(arena);
    };
    run_threads(threads, work);
    LocalHeap<ThreadsConfig<UsableSource>> heap;
    for (auto const& there : shared) {
        for (auto const& block : there.blocks) {
            wrong += block.is_whole() ? 0 : 1;
            heap.free(arena, block.at);
        }
    }
    heap.abandon(arena);
    arena.trim();
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(in_mixed, 100u);
    EXPECT_EQ(statistics_of(arena.runs()).in_use_bytes, 0u);
    arena.release();
}

}  // namespace
}  // namespace slab::test
