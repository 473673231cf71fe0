// libslab.so among threads that come, free each other's blocks and go, and forks amid them.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
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

// One thread's blocks lie between another one's. What the hardened heap writes behind the one must never look to the
// other as if somebody had written before its block.
TEST(Slab, NeighboursOfOtherThreadsBlocksComeAndGo) {
    for (std::size_t const bytes : {52u, 100u, 1'010u}) {
        for (int round = 0; round < 60; ++round) {
            std::array<void*, 2'000> blocks{};
            for (auto& block : blocks) {
                block = opaque(malloc(bytes));
            }
            std::atomic<bool> done = false;
            std::thread other([&] {
                for (std::size_t i = 1; i < blocks.size(); i += 2) {
                    free(blocks[i]);
                }
                done = true;
            });
            do {
                for (std::size_t i = 0; i < blocks.size(); i += 2) {
                    free(blocks[i]);
                    blocks[i] = opaque(malloc(bytes));
                }
            } while (!done);
            other.join();
            for (std::size_t i = 0; i < blocks.size(); i += 2) {
                free(blocks[i]);
            }
        }
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
