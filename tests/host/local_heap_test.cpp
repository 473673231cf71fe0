// Threads at a heap, each with its own part of it or all with one, and in which order a part takes from its
// slabs.
#include "heap/heap.hpp"
#include "heap/remote_batches.hpp"
#include "heap/sources/failing.hpp"
#include "heap/sources/mmap_source.hpp"
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace slab {
namespace {

using TestHeap = Heap<MmapSource>;
using ThreadsConfig = test::ThreadsConfig<MmapSource>;

TEST(Heap, ThreadsShareALockedHeap) {
    static Heap<MmapSource, std::mutex> heap;
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < 4; ++id) {
        threads.emplace_back([id] {
            std::mt19937_64 random(id);
            std::vector<std::pair<unsigned char*, std::size_t>> mine;
            for (int i = 0; i < 5'000; ++i) {
                if (random() % 2 == 0 || mine.empty()) {
                    auto const bytes = 1 + random() % 3'000;
                    auto* const block = static_cast<unsigned char*>(heap.allocate(bytes));
                    std::memset(block, static_cast<int>(id), bytes);
                    mine.emplace_back(block, bytes);
                } else {
                    auto const [block, bytes] = mine.back();
                    mine.pop_back();
                    ASSERT_EQ(block[bytes / 2], id);
                    heap.free(block);
                }
            }
            for (auto const& [block, bytes] : mine) {
                heap.free(block);
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(heap.statistics().in_use_bytes, 0u);
    heap.release();
}

TEST(LocalHeap, BlocksWanderAndThreadsEnd) {
    static Arena<ThreadsConfig> arena;
    std::mutex mutex;
    std::vector<unsigned char*> shared;
    std::atomic<unsigned> wrong = 0;
    auto const work = [&](unsigned seed) {
        LocalHeap<ThreadsConfig> heap;
        std::mt19937_64 random(seed);
        for (int i = 0; i < 3'000; ++i) {
            auto const bytes = 16 + random() % (random() % 50 == 0 ? 50'000 : 500);
            auto* const block = static_cast<unsigned char*>(heap.allocate(arena, bytes));
            std::memset(block, static_cast<int>(bytes % 251), bytes);
            std::memcpy(block, &bytes, sizeof(bytes));
            unsigned char* mine = nullptr;
            {
                std::lock_guard const guard(mutex);
                shared.push_back(block);
                if (shared.size() > 300) {
                    std::swap(shared[random() % shared.size()], shared.back());
                    mine = shared.back();
                    shared.pop_back();
                }
            }
            if (mine != nullptr) {
                std::size_t size = 0;
                std::memcpy(&size, mine, sizeof(size));
                wrong += mine[size - 1] != size % 251 && size > sizeof(size) ? 1 : 0;
                heap.free(arena, mine);
            }
        }
        heap.abandon(arena);
    };
    for (unsigned round = 0; round < 5; ++round) {
        std::vector<std::thread> threads;
        for (unsigned id = 0; id < 4; ++id) {
            threads.emplace_back(work, round * 4 + id);
        }
        for (auto& thread : threads) {
            thread.join();
        }
    }
    LocalHeap<ThreadsConfig> heap;
    for (auto* const block : shared) {
        heap.free(arena, block);
    }
    heap.abandon(arena);
    arena.trim();
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(statistics_of(arena.runs()).in_use_bytes, 0u);
    arena.release();
}

// Where one thread allocates and another frees, that decides how much the first one holds.
TEST(LocalHeap, WhatOthersFreedOfAFullSlabComesBeforePagesThatNobodyTouched) {
    static Arena<ThreadsConfig> arena;
    constexpr std::size_t bytes = 64;
    constexpr std::size_t capacity = blocks_a_slab(class_of(bytes));
    LocalHeap<ThreadsConfig> heap;
    std::vector<void*> blocks(2 * capacity + 1);  // two full slabs, and a third one's first page
    for (auto*& block : blocks) {
        block = heap.allocate(arena, bytes);
    }
    std::thread([&] {
        LocalHeap<ThreadsConfig> others;
        for (std::size_t i = 0; i < capacity; ++i) {
            others.free(arena, std::exchange(blocks[i], nullptr));
        }
        others.abandon(arena);
    }).join();
    auto const before = statistics_of(arena.runs()).held_bytes;
    for (std::size_t i = 0; i < capacity; ++i) {
        blocks[i] = heap.allocate(arena, bytes);
    }
    EXPECT_EQ(statistics_of(arena.runs()).held_bytes, before);
    for (auto* const block : blocks) {
        heap.free(arena, block);
    }
    heap.abandon(arena);
    arena.release();
}

TEST(LocalHeap, LargerBlocksOfOthersAreTheirsAtOnce) {
    static Arena<ThreadsConfig> arena;
    constexpr std::size_t bytes = 16'384;
    LocalHeap<ThreadsConfig> heap;
    LocalHeap<ThreadsConfig> another;
    std::vector<void*> blocks(4 * blocks_a_slab(class_of(bytes)));
    auto const allocate_all = [&] {
        for (auto*& block : blocks) {
            block = heap.allocate(arena, bytes);
        }
    };
    allocate_all();
    auto const before = statistics_of(arena.runs()).held_bytes;
    std::thread([&] {
        for (auto* const block : blocks) {
            another.free(arena, block);
        }
    }).join();
    allocate_all();
    EXPECT_EQ(statistics_of(arena.runs()).held_bytes, before);
    for (auto* const block : blocks) {
        heap.free(arena, block);
    }
    heap.abandon(arena);
    arena.release();
}

TEST(LocalHeap, WhatIsFreeInSlabsOfEndedThreadsComesBeforePagesThatNobodyTouched) {
    static Arena<ThreadsConfig> arena;
    constexpr std::size_t bytes = 64;
    constexpr std::size_t a_page = page_bytes / bytes;
    constexpr std::size_t on_their_way = RemoteBatches<ThreadsConfig>::most[class_of(bytes)];
    LocalHeap<ThreadsConfig> heap;
    std::vector<void*> own = {heap.allocate(arena, bytes)};
    std::vector<void*> others(blocks_a_slab(class_of(bytes)));
    std::thread([&] {
        LocalHeap<ThreadsConfig> other;
        for (auto*& block : others) {
            block = other.allocate(arena, bytes);
        }
        other.abandon(arena);
    }).join();
    for (auto* const block : others) {
        heap.free(arena, block);
    }
    auto const before = statistics_of(arena.runs()).held_bytes;
    while (own.size() < a_page + others.size() - on_their_way) {
        own.push_back(heap.allocate(arena, bytes));
    }
    EXPECT_EQ(statistics_of(arena.runs()).held_bytes, before);
    for (auto* const block : own) {
        heap.free(arena, block);
    }
    heap.abandon(arena);
    arena.release();
}

TEST(LocalHeap, TwoSlabsWithFewFreeBlocksDoNotGiveWayToEachOther) {
    static Arena<ThreadsConfig> arena;
    constexpr std::size_t bytes = 64;
    auto const use_a_page_but_few = [](LocalHeap<ThreadsConfig>& heap, std::vector<void*>& blocks) {
        for (auto& block : blocks) {
            block = heap.allocate(arena, bytes);
        }
        for (unsigned few = 3; few != 0; --few) {
            heap.free(arena, blocks.back());
            blocks.pop_back();
        }
    };
    std::vector<void*> own(page_bytes / bytes);
    std::vector<void*> others = own;
    LocalHeap<ThreadsConfig> heap;
    use_a_page_but_few(heap, own);
    std::thread([&] {
        LocalHeap<ThreadsConfig> other;
        use_a_page_but_few(other, others);
        other.abandon(arena);
    }).join();
    own.push_back(heap.allocate(arena, bytes));
    EXPECT_NE(own.back(), nullptr);
    for (auto const& blocks : {own, others}) {
        for (auto* const block : blocks) {
            heap.free(arena, block);
        }
    }
    heap.abandon(arena);
    arena.release();
}

TEST(LocalHeap, AClassInUseUpToItsEdgeIsNotRefilledForEveryBlock) {
    constexpr std::size_t capacity = blocks_a_slab(class_of(64));
    for (std::size_t const slabs : {1u, 4u}) {
        TestHeap heap;
        std::vector<void*> queue(slabs * capacity);
        for (auto& block : queue) {
            block = heap.allocate(64);
        }
        for (std::size_t i = 0; i < 100'000; ++i) {
            heap.free(queue[i % queue.size()]);
            queue[i % queue.size()] = heap.allocate(64);
        }
        // So many slabs hold them all, without a block to spare; another one makes room.
        EXPECT_EQ(heap.statistics().classes[class_of(64)].slabs, slabs + 1);
        for (auto* const block : queue) {
            heap.free(block);
        }
        heap.release();
    }
}

TEST(LocalHeap, AFreeBlockThatWasWrittenToIsReportedAndNotFollowed) {
    char const* failure = nullptr;
    Failing<MmapSource> source;
    source.complaint = &failure;
    Heap<Failing<MmapSource>> heap(source);
    auto const expect_report = [&](std::size_t bytes, bool at_the_end) {
        // As many as are taken at once, if they are few.
        std::vector<void*> blocks(std::min<std::size_t>(8, blocks_a_slab(class_of(bytes)) - 1));
        for (auto*& block : blocks) {
            block = heap.allocate(bytes);
        }
        void* const keeps_the_slab = heap.allocate(bytes);
        for (auto* const block : blocks) {
            heap.free(block);
        }
        auto* const written = at_the_end ? blocks.front() : blocks.back();
        *static_cast<std::uintptr_t*>(written) ^= 0x1234'5678'9abc'def0;
        failure = nullptr;
        blocks.clear();
        for (std::size_t i = 0; i < blocks_a_slab(class_of(bytes)) && failure == nullptr; ++i) {
            blocks.push_back(heap.allocate(bytes));
        }
        ASSERT_NE(failure, nullptr) << bytes;
        EXPECT_NE(std::strstr(failure, "written to"), nullptr) << failure;
        for (void* const each : blocks) {
            EXPECT_NE(each, nullptr);
            heap.free(each);
        }
        heap.free(keeps_the_slab);
    };
    for (std::size_t const bytes : {64u, 1000u, 20'000u, 32'768u}) {
        expect_report(bytes, true);
        expect_report(bytes, false);
    }
    heap.release();
}

// The lower part only: what it leads to then is near, perhaps where no memory is.
TEST(LocalHeap, ALargerFreeBlockWhoseLinkWasWrittenToInPartIsReportedAndNotFollowed) {
    constexpr std::size_t bytes = 20'000;
    for (unsigned bit = 4; bit < 64; ++bit) {
        char const* failure = nullptr;
        Failing<MmapSource> source;
        source.complaint = &failure;
        Heap<Failing<MmapSource>> heap(source);
        void* const keeps_the_slab = heap.allocate(bytes);
        std::vector<void*> blocks(3);
        for (auto*& block : blocks) {
            block = heap.allocate(bytes);
        }
        for (auto* const block : blocks) {
            heap.free(block);
        }
        *static_cast<std::uintptr_t*>(blocks.back()) ^= std::uintptr_t{1} << bit;
        for (auto*& block : blocks) {
            block = heap.allocate(bytes);
            ASSERT_NE(block, nullptr);
            std::memset(block, 1, bytes);
        }
        ASSERT_NE(failure, nullptr) << bit;
        EXPECT_NE(std::strstr(failure, "written to"), nullptr) << failure;
        heap.free(keeps_the_slab);
        heap.release();
    }
}

// A list of one or two blocks costs as much as one of many: few blocks of a full slab are left for later.
TEST(LocalHeap, AFewFreeBlocksOfAFullSlabWaitWhileAnotherHasMany) {
    TestHeap heap;
    constexpr std::size_t bytes = 256;
    constexpr std::size_t capacity = blocks_a_slab(class_of(bytes));
    std::vector<std::uintptr_t> blocks(2 * capacity);  // of two slabs, the second one current
    for (auto& block : blocks) {
        block = reinterpret_cast<std::uintptr_t>(heap.allocate(bytes));
    }
    auto const slab_of = [](std::uintptr_t block) { return block >> unit_shift; };
    ASSERT_EQ(slab_of(blocks[0]), slab_of(blocks[capacity - 1]));
    auto const free = [&](std::size_t i) { heap.free(reinterpret_cast<void*>(blocks[i])); };
    free(capacity);
    free(capacity + 1);
    for (std::size_t i = 0; i < capacity / 2; ++i) {
        free(i);
    }
    for (std::size_t i = 0; i < capacity / 2; ++i) {
        auto const block = reinterpret_cast<std::uintptr_t>(heap.allocate(bytes));
        ASSERT_EQ(slab_of(block), slab_of(blocks[0])) << i;
    }
    // They count, and so the slab is one with many when enough have come.
    EXPECT_EQ(heap.statistics().in_use_bytes, (2 * capacity - 2) * bytes);
    for (std::size_t i = 2; i < frees_until_useful(class_of(bytes), Patience::little); ++i) {
        free(capacity + i);
    }
    auto const next = reinterpret_cast<std::uintptr_t>(heap.allocate(bytes));
    EXPECT_EQ(slab_of(next), slab_of(blocks[capacity]));
    heap.release();
}

}  // namespace
}  // namespace slab
