// Threads that make random calls on one arena. They dawdle around its lock and where pages come and go, so that much
// happens in many orders, and stop at times while others go on. ThreadSanitizer watches; no block ever has another one's
// contents, and at the end nothing is in use. QUARRY_SOAK_CALLS sets how many calls each makes.
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace slab {
namespace {

// At random others go first.
void dawdle() {
    static thread_local std::minstd_rand random(
        static_cast<unsigned>(std::bit_cast<std::uintptr_t>(&random) >> 4));
    constexpr unsigned often = 16;  // once in so many times
    constexpr unsigned seldom = 256;
    auto const drawn = random();
    auto turns = drawn % often == 0 ? 1 : 0;
    if (drawn % seldom == 1) {
        turns = 64;
    }
    for (; turns != 0; --turns) {
        std::this_thread::yield();
    }
}

class DawdlingLock {
  public:
    void lock() {
        dawdle();
        mutex_.lock();
        dawdle();
    }
    void unlock() {
        mutex_.unlock();
        dawdle();
    }

  private:
    std::mutex mutex_;
};

// Its clock goes on when a thread says so.
struct DawdlingSource : test::UsableSource {
    static inline std::atomic<std::uint32_t> time = 1;
    bool synchronize() { return test::synchronize(); }
    static std::uint32_t ticks() { return time.load(std::memory_order_relaxed); }
    Committed commit(std::byte* at, std::size_t bytes) {
        dawdle();
        return UsableSource::commit(at, bytes);
    }
    void decommit(std::byte* at, std::size_t bytes) {
        dawdle();
        UsableSource::decommit(at, bytes);
    }
};

struct Config : test::ThreadsConfig<DawdlingSource> {
    using Lock = DawdlingLock;
};

using test::Block;

class Soak {
  public:
    explicit Soak(std::uint64_t seed) : seed_(seed) {}
    ~Soak() { arena_.release(); }
    Soak(Soak const&) = delete;
    Soak& operator=(Soak const&) = delete;

    void run(std::uint64_t calls) {
        test::run_threads(threads, [&](unsigned id) { Worker(*this, id).work(calls); });
        LocalHeap<Config> last;
        for (auto const& inbox : inboxes_) {
            for (auto const& block : inbox.blocks) {
                free(last, block);
            }
        }
        last.abandon(arena_);
        arena_.trim();
    }
    unsigned wrong() const { return wrong_; }
    std::uint64_t in_use_bytes() { return statistics_of(arena_.runs()).in_use_bytes; }

  private:
    static constexpr unsigned threads = 4;

    // What others have given a thread to free.
    struct Inbox {
        std::mutex mutex;
        std::vector<Block> blocks;
    };

    void check(Block const& block) { wrong_ += block.is_whole() ? 0 : 1; }
    void free(LocalHeap<Config>& heap, Block const& block) {
        check(block);
        heap.free(arena_, block.at);
    }

    // One thread, whose heap ends and begins again.
    class Worker {
      public:
        Worker(Soak& soak, unsigned id) : soak_(soak), id_(id), random_(soak.seed_ * threads + id) {
            heap_.emplace();
        }

        void work(std::uint64_t calls) {
            for (std::uint64_t i = 0; i < calls; ++i) {
                if (i % 1024 == 0) {
                    habit_ = random_() % 4;
                }
                call();
            }
            while (!own_.empty()) {
                soak_.free(*heap_, take_any());
            }
            heap_->abandon(soak_.arena_);
        }

      private:
        void call() {
            auto const kind = random_() % 1024;
            if (kind == 0) {
                heap_->trim(soak_.arena_);
            } else if (kind == 1) {
                soak_.arena_.trim();
            } else if (kind == 2) {
                heap_->abandon(soak_.arena_);
                heap_.emplace();
            } else if (kind < 10) {
                ++DawdlingSource::time;
                heap_->tidy_up(soak_.arena_);
            } else if (kind < 20) {
                free_inbox();
            } else if (kind == 20) {
                for (int turns = 0; turns < 1000; ++turns) {
                    std::this_thread::yield();
                }
            } else if (kind < 100 && !own_.empty()) {
                change();
            } else if (kind < 600 || own_.empty()) {
                add();
            } else {
                let_go();
            }
        }

        std::size_t any_bytes() {
            auto const most = std::size_t{16} << random_() % 12;
            return random_() % 512 == 0 ? std::size_t{1} << 20 : 1 + random_() % most;
        }
        void fill(Block& block) {
            block.fill = static_cast<unsigned char>(random_());
            std::memset(block.at, block.fill, block.bytes);
        }
        Block take_any() {
            std::swap(own_[random_() % own_.size()], own_.back());
            auto const block = own_.back();
            own_.pop_back();
            return block;
        }

        void add() {
            auto const bytes = any_bytes();
            Block block{static_cast<unsigned char*>(heap_->allocate(soak_.arena_, bytes)), bytes,
                        0};
            fill(block);
            own_.push_back(block);
        }
        void change() {
            auto block = take_any();
            soak_.check(block);
            block.bytes = any_bytes();
            block.at =
                static_cast<unsigned char*>(heap_->reallocate(soak_.arena_, block.at, block.bytes));
            fill(block);
            own_.push_back(block);
        }
        // By itself, by others, or by both in turn, as is its habit for a while.
        void let_go() {
            auto const block = take_any();
            if (habit_ == 0 || (habit_ == 1 && random_() % 2 == 0)) {
                soak_.free(*heap_, block);
                return;
            }
            auto& there = soak_.inboxes_[random_() % threads];
            std::lock_guard const guard(there.mutex);
            there.blocks.push_back(block);
        }
        void free_inbox() {
            std::vector<Block> blocks;
            {
                auto& here = soak_.inboxes_[id_];
                std::lock_guard const guard(here.mutex);
                blocks.swap(here.blocks);
            }
            for (auto const& block : blocks) {
                soak_.free(*heap_, block);
            }
        }

        Soak& soak_;
        unsigned id_;
        std::mt19937_64 random_;
        std::optional<LocalHeap<Config>> heap_;
        std::vector<Block> own_;
        unsigned habit_ = 0;
    };

    std::uint64_t seed_;
    Arena<Config> arena_;
    std::array<Inbox, threads> inboxes_;
    std::atomic<unsigned> wrong_ = 0;
};

TEST(HeapSoak, ThreadsAtRandomLeaveNothingInUse) {
    auto const* const text = std::getenv("QUARRY_SOAK_CALLS");
    auto const calls = text != nullptr ? std::stoull(text) : 40'000;
    constexpr std::uint64_t calls_a_world = 10'000;
    for (std::uint64_t done = 0, seed = 1; done < calls; done += calls_a_world, ++seed) {
        Soak soak(seed);
        soak.run(calls_a_world);
        ASSERT_EQ(soak.wrong(), 0u) << "seed " << seed;
        ASSERT_EQ(soak.in_use_bytes(), 0u) << "seed " << seed;
    }
}

}  // namespace
}  // namespace slab
