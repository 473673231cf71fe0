// libslab.so among threads that come, free each other's blocks and go, and forks amid them.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace slab::test {
namespace {

// Blocks wander: each thread frees what another one made, and checks what is in it.
TEST(Slab, ThreadsFreeEachOthersBlocks) {
    struct Block {
        std::size_t bytes;
        unsigned char fill;
    };
    struct Exchange {
        std::mutex mutex;
        std::vector<Block*> blocks;
    };
    constexpr unsigned thread_count = 4;
    std::array<Exchange, thread_count> exchanges;
    std::atomic<unsigned> wrong = 0;
    auto const check_and_free = [&](Block* block) {
        auto const* const bytes = reinterpret_cast<unsigned char*>(block + 1);
        for (std::size_t i = 0; i < block->bytes; i += 97) {
            wrong += bytes[i] != block->fill ? 1 : 0;
        }
        free(block);
    };
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < thread_count; ++id) {
        threads.emplace_back([&, id] {
            std::mt19937_64 random(id);
            for (int i = 0; i < 40'000; ++i) {
                auto const bytes = random() % 100 == 0 ? random() % 60'000 : random() % 600;
                auto* const block = static_cast<Block*>(malloc(sizeof(Block) + bytes));
                *block = {bytes, static_cast<unsigned char>(random())};
                std::memset(block + 1, block->fill, bytes);
                Block* mine = nullptr;
                {
                    auto& there = exchanges[random() % thread_count];
                    std::lock_guard const guard(there.mutex);
                    there.blocks.push_back(block);
                    if (there.blocks.size() > 500) {
                        std::swap(there.blocks[random() % there.blocks.size()],
                                  there.blocks.back());
                        mine = there.blocks.back();
                        there.blocks.pop_back();
                    }
                }
                if (mine != nullptr) {
                    check_and_free(mine);
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (auto& exchange : exchanges) {
        for (auto* const block : exchange.blocks) {
            check_and_free(block);
        }
    }
    EXPECT_EQ(wrong, 0u);
}

// A thread that calls function() on a stack of its own; its end is waited for.
class ThreadAt {
  public:
    ThreadAt(std::byte* stack, std::size_t bytes, std::function<void()> function)
        : function_(std::move(function)) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        EXPECT_EQ(pthread_attr_setstack(&attributes, stack, bytes), 0);
        EXPECT_EQ(pthread_create(&thread_, &attributes, run, this), 0);
        pthread_attr_destroy(&attributes);
    }
    ~ThreadAt() { pthread_join(thread_, nullptr); }
    ThreadAt(ThreadAt const&) = delete;
    ThreadAt& operator=(ThreadAt const&) = delete;

  private:
    static void* run(void* self) {
        static_cast<ThreadAt*>(self)->function_();
        return nullptr;
    }
    std::function<void()> function_;
    pthread_t thread_{};
};

// The thread pointer lies at a stack's end. What one thread frees of another's is not at hand for that one before it
// is told, however near the two are.
TEST(Slab, ThreadsWithNeighbouringStacksAreToldApart) {
    constexpr std::size_t stack_bytes = std::size_t{32} << 10;
    constexpr std::size_t count = 8;
    constexpr std::size_t bytes = 60;
    alignas(64) static std::array<std::byte, count * stack_bytes> stacks;
    std::array<std::array<void*, 40>, count> blocks{};  // fewer than are told of at once
    std::barrier everybody(count);
    std::atomic<unsigned> seen_again = 0;
    auto const live = [&](std::size_t id) {
        for (auto*& block : blocks[id]) {
            block = opaque(malloc(bytes));
        }
        everybody.arrive_and_wait();
        for (auto* const block : blocks[(id + 1) % count]) {
            free(opaque(block));
        }
        everybody.arrive_and_wait();
        for (int i = 0; i < 200; ++i) {  // left to the next who needs memory
            seen_again += std::ranges::count(blocks[id], opaque(malloc(bytes))) != 0 ? 1 : 0;
        }
        everybody.arrive_and_wait();  // a thread that ends tells others
    };
    {
        std::vector<std::unique_ptr<ThreadAt>> threads;
        for (std::size_t id = 0; id < count; ++id) {
            threads.push_back(std::make_unique<ThreadAt>(stacks.data() + id * stack_bytes,
                                                         stack_bytes, [&, id] { live(id); }));
        }
    }
    EXPECT_EQ(seen_again, 0u);
}

struct LastWords {
    ~LastWords() {
        for (int i = 1; i < 100; ++i) {
            free(opaque(malloc(static_cast<std::size_t>(i) * 10)));
        }
    }
};
thread_local LastWords last_words;

TEST(Slab, TenThousandThreadsLeaveNothingBehind) {
    auto const rounds = [](int count) {
        for (int i = 0; i < count; ++i) {
            std::vector<void*> left;
            std::thread([&] {
                (void)opaque(&last_words);
                for (std::size_t bytes = 8; bytes < 40'000; bytes += bytes / 2) {
                    left.push_back(malloc(bytes));
                    free(opaque(malloc(bytes)));
                }
            }).join();
            for (auto* const block : left) {
                free(block);
            }
        }
    };
    rounds(100);
    malloc_trim(0);
    auto const before = anonymous_kib();
    rounds(10'000);
    malloc_trim(0);
    EXPECT_LT(anonymous_kib(), before + 2048);
}

// What the hardened heap writes behind one block must at no time look to another thread as if somebody had written
// before the next one. Both threads have one processor, so that the one is stopped anywhere, for as long as the other
// has its turn.
TEST(Slab, ABlockMayChangeWhileAnotherThreadLooksAtTheNextOne) {
    constexpr std::size_t least =
        49;  // to 56: so many fit the smallest class that they and a tag fit
    std::array<char*, 200> blocks{};
    for (auto& block : blocks) {
        block = opaque(static_cast<char*>(malloc(least)));
    }
    std::ranges::sort(blocks);
    auto const next = std::ranges::adjacent_find(
        blocks, [](char const* one, char const* other) { return other - one == 64; });
    ASSERT_NE(next, blocks.end());
    cpu_set_t before;
    cpu_set_t one;
    ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    std::atomic<bool> done = false;
    std::thread other([&] {
        while (!done) {
            (void)malloc_usable_size(opaque(next[1]));
        }
    });
    for (int i = 0; i < 60'000'000; ++i) {
        *next = opaque(static_cast<char*>(realloc(*next, least + static_cast<std::size_t>(i) % 8)));
    }
    done = true;
    other.join();
    sched_setaffinity(0, sizeof(before), &before);
    for (auto* const block : blocks) {
        free(block);
    }
}

// SLAB_TEST_FORKS says how many forks; ten thousand take a minute.
TEST(Slab, AForkAmongBusyThreadsHasAUsableHeap) {
    auto const* const wish = std::getenv("SLAB_TEST_FORKS");
    auto const forks = wish != nullptr ? std::atoi(wish) : 300;
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < 3; ++id) {
        threads.emplace_back([&stop, id] {
            std::mt19937_64 random(id);
            while (!stop) {
                std::vector<std::unique_ptr<char[]>> blocks;
                for (int i = 0; i < 200; ++i) {
                    blocks.emplace_back(new char[random() % 50'000 + 1]);
                }
            }
        });
    }
    for (int i = 0; i < forks; ++i) {
        auto const child = fork();
        if (child == 0) {
            for (std::size_t bytes = 1; bytes < 200'000; bytes += bytes / 3 + 1) {
                auto* const block = opaque(malloc(bytes));
                if (block == nullptr) {
                    _exit(1);
                }
                std::memset(block, 1, bytes);
                free(block);
            }
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_EQ(status, 0) << "child " << i;
    }
    stop = true;
    for (auto& thread : threads) {
        thread.join();
    }
}

}  // namespace
}  // namespace slab::test
