// A second after all was freed, at most 10 MB are held, once any thread has made 4,096 calls: whoever had the blocks and
// whoever freed them, with whatever calls. Time passes when a test says so.
#include "heap/local_heap.hpp"
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace slab {
namespace {

struct ClockSource : test::UsableSource {
    static inline std::uint32_t time = 0;
    std::uint32_t ticks() { return time; }
    bool synchronize() { return true; }
};
using Config = test::TurnsOf<ClockSource>;

enum class Blocks : std::uint8_t { usual, large };
// Of the calls: one, of which a slab has many blocks, or not as many; small ones, all sizes that are no page run, and those.
enum class Sizes : std::uint8_t { tiny, one, small, all, large };
struct Case {
    Blocks blocks;
    Sizes calls;
};

class GivingBack : public ::testing::TestWithParam<Case> {
  protected:
    static constexpr std::size_t all_bytes = 160'000'000;
    static constexpr std::size_t most_held = 10'000'000;

    GivingBack() {
        Config::turn = 0;
        ClockSource::time = 1;
    }
    ~GivingBack() override { arena_.release(); }

    LocalHeap<Config>& heap() { return heaps_[Config::turn]; }
    std::size_t held() { return arena_.runs().held_pages() * page_bytes; }
    std::size_t random_size(Blocks blocks) {
        if (blocks == Blocks::large) {
            return 40'000 + random_() % 2'000'000;
        }
        auto const kind = random_() % 100;
        if (kind < 70) {
            return 8 + random_() % 120;
        }
        return kind < 97 ? 128 + random_() % 900 : 1024 + random_() % 30'000;
    }
    // Blocks of the heap whose turn it is, in a random order.
    std::vector<void*> fill() {
        std::vector<void*> blocks;
        for (std::size_t live = 0; live < all_bytes;) {
            auto const bytes = random_size(GetParam().blocks);
            blocks.push_back(heap().allocate(arena_, bytes));
            live += bytes;
        }
        std::ranges::shuffle(blocks, random_);
        EXPECT_GT(held(), all_bytes * 9 / 10);
        return blocks;
    }
    void free_all(std::vector<void*> const& blocks) {
        for (auto* const block : blocks) {
            heap().free(arena_, block);
        }
    }
    static std::size_t size_of(std::size_t call) {
        switch (GetParam().calls) {
            case Sizes::tiny:
                return 16;
            case Sizes::one:
                return 64;
            case Sizes::small:
                return 8 + call % 500;
            case Sizes::all:
                return 8 + call * 37 % 32'000;
            case Sizes::large:
                return 40'000 + call;
        }
        return 0;
    }
    void call_a_second_later(std::size_t most = most_held) {
        ClockSource::time += 10;
        for (std::size_t call = 0; call < 2048; ++call) {
            heap().free(arena_, heap().allocate(arena_, size_of(call)));
        }
        EXPECT_LE(held(), most);
    }

    std::mt19937 random_{7};  // NOLINT(bugprone-random-generator-seed): the same each time
    Arena<Config> arena_;
    std::array<LocalHeap<Config>, 2> heaps_;
};

TEST_P(GivingBack, OfWhoFreedItAllAndCalls) {
    free_all(fill());
    call_a_second_later();
}
TEST_P(GivingBack, OfWhoFreedItAllWhenAnotherOneCalls) {
    free_all(fill());
    Config::turn = 1;
    call_a_second_later();
}
TEST_P(GivingBack, OfWhoHadWhatAnotherOneFreed) {
    auto const blocks = fill();
    Config::turn = 1;
    free_all(blocks);
    heap().abandon(arena_);  // what it gathered
    Config::turn = 0;
    call_a_second_later();
}
TEST_P(GivingBack, OfWhoSleepsWhileAnotherOneFreesItAllAndCalls) {
    auto const blocks = fill();
    Config::turn = 1;
    free_all(blocks);
    call_a_second_later();
}
TEST_P(GivingBack, OfWhoFreedSomeAndSleepsWhileAnotherOneFreesTheRestAndCalls) {
    auto blocks = fill();
    auto const middle = blocks.begin() + static_cast<std::ptrdiff_t>(blocks.size() / 2);
    free_all({blocks.begin(), middle});
    Config::turn = 1;
    free_all({middle, blocks.end()});
    // The slab that a class takes from stays, and those of the larger blocks at hand.
    call_a_second_later(most_held * 3 / 2);
}
TEST_P(GivingBack, OfAThreadThatHasEnded) {
    free_all(fill());
    heap().abandon(arena_);
    Config::turn = 1;
    call_a_second_later();
}
TEST_P(GivingBack, OfAThreadThatHadEndedBefore) {
    auto const blocks = fill();
    heap().abandon(arena_);
    Config::turn = 1;
    free_all(blocks);
    call_a_second_later();
}

std::string name_of(::testing::TestParamInfo<Case> const& info) {
    std::array<char const*, 5> const calls{"Tiny", "One", "Small", "All", "Large"};
    return std::string(info.param.blocks == Blocks::usual ? "Usual" : "Large") + "Then" +
           calls[static_cast<std::size_t>(info.param.calls)];
}
INSTANTIATE_TEST_SUITE_P(
    , GivingBack,
    ::testing::Values(Case{Blocks::usual, Sizes::tiny}, Case{Blocks::usual, Sizes::one},
                      Case{Blocks::usual, Sizes::small}, Case{Blocks::usual, Sizes::all},
                      Case{Blocks::usual, Sizes::large}, Case{Blocks::large, Sizes::one},
                      Case{Blocks::large, Sizes::small}, Case{Blocks::large, Sizes::all},
                      Case{Blocks::large, Sizes::large}),
    name_of);

}  // namespace
}  // namespace slab
