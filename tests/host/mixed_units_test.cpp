// Slabs of which few blocks are left: they serve blocks of other sizes, and all that is promised of blocks stays true.
#include "heap/heap.hpp"
#include "heap/sources/failing.hpp"
#include "heap/sources/mmap_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>
#include <vector>

namespace slab {
namespace {

// What Granules does, a granule at a time.
struct PlainGranules {
    enum class State : unsigned char { free, begins, inner, barred };
    std::vector<State> states = std::vector<State>(granules_a_unit, State::free);

    std::uint32_t length(std::uint32_t first) const {
        auto end = first + 1;
        while (end != granules_a_unit && states[end] == State::inner) {
            ++end;
        }
        return end - first;
    }
    void fill(std::uint32_t first, std::uint32_t count, State state) {
        std::fill_n(states.begin() + first, count, state);
    }
    std::uint32_t find(std::uint32_t from, std::uint32_t count) const {
        for (; from + count <= granules_a_unit; ++from) {
            auto const first = states.begin() + from;
            if (from % (count & -count) == 0 && std::all_of(first, first + count, [](State state) {
                    return state == State::free;
                })) {
                return from;
            }
        }
        return granules_a_unit;
    }
};

TEST(Granules, SayWhatAPlainOneSays) {
    std::mt19937 random(7);
    auto const below = [&](std::uint32_t end) {
        return static_cast<std::uint32_t>(random() % end);
    };
    Granules granules;
    PlainGranules plain;
    std::vector<std::uint32_t> blocks;
    for (int i = 0; i < 20'000; ++i) {
        auto const count = 1 + below(i % 3 == 0 ? 64 : 8);
        auto const from = below(granules_a_unit);
        auto const at = granules.find(from, count);
        ASSERT_EQ(at, plain.find(from, count)) << from << " " << count;
        if (at != granules_a_unit && below(5) < 3) {
            granules.place(at, count);
            plain.fill(at, count, PlainGranules::State::inner);
            plain.states[at] = PlainGranules::State::begins;
            blocks.push_back(at);
        } else if (!blocks.empty()) {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            auto const length = plain.length(blocks.back());
            ASSERT_EQ(granules.length(blocks.back()), length);
            granules.remove(blocks.back(), length);
            plain.fill(blocks.back(), length, PlainGranules::State::free);
            blocks.pop_back();
        }
        if (auto const page = below(16); i % 500 == 499 && granules.is_page_free(page)) {
            granules.bar_page(page);
            plain.fill(page * granules_a_page, granules_a_page, PlainGranules::State::barred);
        }
        auto const any = below(granules_a_unit);
        auto const state = plain.states[any];
        ASSERT_EQ(granules.begins(any), state == PlainGranules::State::begins);
        ASSERT_EQ(granules.is_used(any),
                  state == PlainGranules::State::begins || state == PlainGranules::State::inner);
    }
    std::size_t seen = 0;
    granules.for_each_block([&](std::uint32_t first, std::uint32_t count) {
        ++seen;
        EXPECT_EQ(plain.length(first), count);
    });
    EXPECT_EQ(seen, blocks.size());
}

struct Pages : MmapSource {
    static constexpr bool stays_usable = true;
    void decommit(std::byte* at, std::size_t bytes) { madvise(at, bytes, MADV_DONTNEED); }
    bool move(std::byte*, std::byte*, std::size_t) { return false; }
};

struct Block {
    unsigned char* at;
    std::size_t bytes;
    unsigned char fill;

    bool is_whole() const {
        return std::all_of(at, at + bytes, [&](unsigned char byte) { return byte == fill; });
    }
};

// A heap of which few blocks survive a phase of small ones. When others make it grow, there is room among them.
class Survivors {
  public:
    using Config = SingleConfig<Failing<Pages>>;

    enum class When : bool { now, later };

    explicit Survivors(When grown = When::now) : arena(source_of(failure, fails_at)) {
        for (std::size_t held = 0; held < (std::size_t{8} << 20); held += 80) {
            add(64 + random() % 32);
        }
        std::erase_if(blocks, [&](Block const& block) {
            bool const goes = random() % 16 != 0;
            goes ? heap.free(arena, block.at) : void();
            return goes;
        });
        if (grown == When::now) {
            grow();
        }
    }
    ~Survivors() { arena.release(); }
    Survivors(Survivors const&) = delete;
    Survivors& operator=(Survivors const&) = delete;

    void grow() {
        std::vector<void*> others(std::size_t{16} << 10);
        for (auto*& other : others) {
            other = heap.allocate(arena, 512);
        }
        for (auto* const other : others) {
            heap.free(arena, other);
        }
    }
    void add(std::size_t bytes) {
        Block const block{static_cast<unsigned char*>(heap.allocate(arena, bytes)), bytes,
                          static_cast<unsigned char>(random())};
        if (block.at != nullptr) {
            std::memset(block.at, block.fill, bytes);
            blocks.push_back(block);
        }
    }
    void expect_all_whole() const {
        EXPECT_TRUE(
            std::ranges::all_of(blocks, [](Block const& block) { return block.is_whole(); }));
    }
    UnitKind kind_at(void const* pointer) const {
        return arena.unit_at(reinterpret_cast<std::uintptr_t>(pointer))->kind;
    }
    // A block of a mixed unit.
    unsigned char* mixed(std::size_t bytes) {
        auto* const block = static_cast<unsigned char*>(heap.allocate(arena, bytes));
        EXPECT_EQ(kind_at(block), UnitKind::mixed);
        return block;
    }
    std::uint64_t held_bytes() const { return statistics_of(arena.runs()).held_bytes; }
    void free_all() {
        for (auto const& block : blocks) {
            heap.free(arena, block.at);
        }
        blocks.clear();
        heap.trim(arena);
        arena.trim();
    }
    void expect_nothing_left() {
        free_all();
        auto const s = statistics_of(arena.runs());
        EXPECT_EQ(s.in_use_bytes, 0u);
        EXPECT_LT(s.held_bytes, std::uint64_t{1} << 19);
        EXPECT_STREQ(failure, nullptr);
    }

    char const* failure = nullptr;
    std::uint64_t fails_at = UINT64_MAX;
    Arena<Config> arena;
    LocalHeap<Config> heap;
    std::mt19937 random{3};
    std::vector<Block> blocks;

  private:
    static Failing<Pages> source_of(char const*& failure, std::uint64_t& fails_at) {
        Failing<Pages> source;
        source.complaint = &failure;
        source.fails_at = &fails_at;
        return source;
    }
};

TEST(MixedUnits, BlocksOfOtherSizesLieAmongSurvivors) {
    Survivors all;
    auto const held = all.held_bytes();
    for (std::size_t added = 0; added < (std::size_t{2} << 20); added += 400) {
        all.add(300 + all.random() % 200);
    }
    EXPECT_LT(all.held_bytes(), held + (std::size_t{1} << 20));
    all.expect_all_whole();
    for (auto const& block : all.blocks) {
        ASSERT_GE(all.heap.usable_bytes(all.arena, block.at), block.bytes);
        ASSERT_LT(all.heap.usable_bytes(all.arena, block.at), block.bytes * 5 / 4 + quantum);
    }
    all.expect_nothing_left();
}

TEST(MixedUnits, BlocksAreAlignedAsAsked) {
    Survivors all;
    std::size_t in_mixed = 0;
    for (std::size_t alignment = 16; alignment <= 1'024; alignment *= 2) {
        for (std::size_t bytes = 1; bytes < 1'100; bytes += 90) {
            auto* const block = all.heap.allocate_aligned(all.arena, alignment, bytes);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u) << bytes;
            in_mixed += all.kind_at(block) == UnitKind::mixed ? 1 : 0;
            all.heap.free(all.arena, block);
        }
    }
    EXPECT_GT(in_mixed, 50u);
    all.expect_nothing_left();
}

TEST(MixedUnits, StatisticsHaveTheirBlocksInTheirClasses) {
    Survivors all;
    auto const before = statistics_of(all.arena.runs());
    auto const size_class = class_of(304);
    for (int i = 0; i < 20; ++i) {
        all.heap.free(all.arena, all.mixed(304));
        all.add(304);
    }
    auto const after = statistics_of(all.arena.runs());
    auto const at_hand = all.heap.at_hand(all.arena, all.heap.serving(size_class));
    auto const& in_classes = after.classes[all.heap.serving(size_class)];
    EXPECT_EQ(in_classes.blocks_in_use - at_hand, 20u);
    EXPECT_EQ(after.in_use_bytes - before.in_use_bytes,
              (20 + at_hand) * class_bytes(all.heap.serving(size_class)));
    all.expect_nothing_left();
}

TEST(MixedUnits, MistakesAreReported) {
    Survivors all;
    auto* const block = all.mixed(304);
    auto* const other = all.mixed(304);
    auto const failure_of_free = [&](void* pointer, Freed freed = {}) {
        all.failure = nullptr;
        all.heap.free_slow(all.arena, pointer, freed);
        return std::string_view(all.failure != nullptr ? all.failure : "");
    };
    EXPECT_EQ(failure_of_free(block + 8), into_the_middle);
    EXPECT_EQ(failure_of_free(block + 16), into_the_middle);
    EXPECT_EQ(failure_of_free(block), "");
    EXPECT_EQ(failure_of_free(block), no_block);
    EXPECT_EQ(failure_of_free(block + 32), no_block);
    EXPECT_EQ(failure_of_free(other, {.bytes = 100}), wrong_size);
    EXPECT_EQ(failure_of_free(all.mixed(304), {.bytes = 304, .alignment = 1 << 12}),
              wrong_alignment);
    EXPECT_EQ(failure_of_free(all.mixed(304), {.bytes = 304}), "");
    all.failure = nullptr;
    EXPECT_EQ(all.heap.usable_bytes(all.arena, block), 0u);
    EXPECT_STREQ(all.failure, "use of a pointer that is no block in use");
    all.failure = nullptr;
    all.expect_nothing_left();
}

// Some come at once: those that wait for their turn are in use for their unit, and cannot be freed by mistake.
TEST(MixedUnits, ABlockAtHandIsNobodysYet) {
    Survivors all;
    auto const size_class = all.heap.serving(class_of(304));
    auto* const first = all.mixed(304);
    auto const at_hand = all.heap.at_hand(all.arena, size_class);
    ASSERT_GT(at_hand, 0u);
    auto const& unit = *all.arena.unit_at(reinterpret_cast<std::uintptr_t>(first));
    std::uint32_t tried = 0;
    slab::MixedUnits<Failing<Pages>>::granules_of(unit).for_each_block(
        [&](std::uint32_t granule, std::uint32_t) {
            auto const address = all.arena.memory_of(unit) + granule * quantum;
            if (LinkKey::is_free(all.arena.key().step(address))) {
                all.failure = nullptr;
                all.heap.free(all.arena, reinterpret_cast<void*>(address));
                EXPECT_STREQ(all.failure, double_free);
                ++tried;
            }
        });
    EXPECT_EQ(tried, at_hand);
    EXPECT_EQ(all.heap.at_hand(all.arena, size_class), at_hand);
    all.failure = nullptr;
    all.heap.free(all.arena, first);
    all.expect_nothing_left();
}

// Its link leads nowhere then, and is not followed.
TEST(MixedUnits, ABlockAtHandThatWasWrittenToIsReported) {
    for (auto const word : {std::uintptr_t{0}, UINTPTR_MAX, std::uintptr_t{0x1234'5678}}) {
        Survivors all;
        auto* const first = all.mixed(304);
        auto const& unit = *all.arena.unit_at(reinterpret_cast<std::uintptr_t>(first));
        slab::MixedUnits<Failing<Pages>>::granules_of(unit).for_each_block(
            [&](std::uint32_t granule, std::uint32_t) {
                auto const address = all.arena.memory_of(unit) + granule * quantum;
                if (LinkKey::is_free(all.arena.key().step(address))) {
                    *reinterpret_cast<std::uintptr_t*>(address) = word;
                }
            });
        EXPECT_NE(all.heap.allocate(all.arena, 304), nullptr);
        EXPECT_STREQ(all.failure, corrupted);
    }
}

TEST(MixedUnits, BlocksChangeTheirSize) {
    Survivors all;
    for (std::size_t const bytes : {310u, 200u, 600u, 5'000u, 100'000u}) {
        auto* const block = all.mixed(304);
        std::memset(block, 7, 304);
        auto* const moved =
            static_cast<unsigned char*>(all.heap.reallocate(all.arena, block, bytes));
        EXPECT_TRUE(std::all_of(moved, moved + std::min<std::size_t>(bytes, 304),
                                [](unsigned char byte) { return byte == 7; }));
        all.heap.free(all.arena, moved);
    }
    for (auto& block : all.blocks) {  // those that were there before, too
        block.at = static_cast<unsigned char*>(
            all.heap.reallocate(all.arena, block.at, block.bytes + 100));
    }
    all.expect_all_whole();
    all.expect_nothing_left();
}

// Blocks of mixed units cost more: what comes and goes all the time has soon none of them.
TEST(MixedUnits, WhatIsMadeAndDroppedAllTheTimeComesToHavePagesOfItsOwn) {
    Survivors all;
    std::vector<void*> live(500);
    std::size_t in_mixed = 0;
    for (int i = 0; i < 100'000; ++i) {
        auto*& block = live[all.random() % live.size()];
        all.heap.free(all.arena, block);
        block = all.heap.allocate(all.arena, 300);
    }
    for (auto* const block : live) {
        in_mixed += all.kind_at(block) == UnitKind::mixed ? 1 : 0;
        all.heap.free(all.arena, block);
    }
    EXPECT_LT(in_mixed, live.size() / 10);
    all.expect_nothing_left();
}

TEST(MixedUnits, ServeAgainWhenMuchOfThemIsFree) {
    Survivors all;
    auto const survivors = static_cast<std::ptrdiff_t>(all.blocks.size());
    while (all.arena.has_mixed()) {
        all.add(400);
    }
    std::for_each(all.blocks.begin() + survivors, all.blocks.end(),
                  [&](Block const& block) { all.heap.free(all.arena, block.at); });
    all.blocks.resize(static_cast<std::size_t>(survivors));
    EXPECT_TRUE(all.arena.has_mixed());
    all.expect_nothing_left();
}

// And those of which nothing is in use go back.
TEST(MixedUnits, FreePagesGoBackInTime) {
    Survivors all;
    auto const survivors = static_cast<std::ptrdiff_t>(all.blocks.size());
    for (std::size_t added = 0; added < (std::size_t{4} << 20); added += 1'000) {
        all.add(1'000);
    }
    std::for_each(all.blocks.begin() + survivors, all.blocks.end(),
                  [&](Block const& block) { all.heap.free(all.arena, block.at); });
    all.blocks.resize(static_cast<std::size_t>(survivors));
    std::erase_if(all.blocks, [&](Block const& block) {
        bool const goes = all.random() % 64 != 0;
        goes ? all.heap.free(all.arena, block.at) : void();
        return goes;
    });
    EXPECT_GT(all.held_bytes(), std::uint64_t{3} << 20);
    all.heap.trim(all.arena);
    EXPECT_LT(all.held_bytes(), std::uint64_t{1} << 20);
    all.expect_all_whole();
    all.expect_nothing_left();
}

// A slab of which a page is there, and three blocks are in use.
struct ThreeBlocks {
    static constexpr std::size_t bytes = 80;
    static constexpr std::uint32_t count = 3;
    explicit ThreeBlocks(Survivors& all)
        : slab(all.arena.runs().unit(all.arena.make_slab(class_of(bytes), 0))) {
        (void)all.arena.commit_slab(slab, 1);
        for (std::size_t i = 0; i < count; ++i) {
            at[i] = all.arena.first_block(slab) + i * bytes;
        }
        slab.carved = count;
        slab.until_change = count;
    }
    Unit& slab;
    std::array<std::uintptr_t, count> at{};
};

// Another thread took it for a slab before, and gives a block back in the way of slabs.
TEST(MixedUnits, WhatWasGivenToTheSlabIsTaken) {
    Survivors all;
    ThreeBlocks three(all);
    all.arena.give_remote(three.slab, three.at[1], three.at[1]);
    ASSERT_TRUE(all.arena.mix(three.slab, {}));
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[0]), 80u);
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[1]), 0u);
    all.arena.give_remote(three.slab, three.at[0], three.at[0]);
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[0]), 0u);
    EXPECT_EQ(all.arena.mixed_bytes(three.slab, three.at[2]), 80u);
    all.arena.give_remote(three.slab, three.at[2], three.at[2]);
    EXPECT_NE(three.slab.kind, UnitKind::mixed);
    all.expect_nothing_left();
}

TEST(MixedUnits, PagesThatAreNotThereAreNobodys) {
    Survivors all;
    auto const held = all.held_bytes();
    ThreeBlocks three(all);
    EXPECT_EQ(all.held_bytes(), held + page_bytes);
    ASSERT_TRUE(all.arena.mix(three.slab, {}));
    EXPECT_LE(all.held_bytes(), held + 2 * page_bytes);  // with what is noted of it
    EXPECT_GE(all.held_bytes(), held + page_bytes);
    std::vector<void*> blocks(200);
    for (auto*& block : blocks) {
        block = all.heap.allocate(all.arena, 400);
        auto const page = (reinterpret_cast<std::uintptr_t>(block) + 399) / page_bytes;
        EXPECT_TRUE(all.arena.unit_at(reinterpret_cast<std::uintptr_t>(block)) != &three.slab ||
                    page == three.at[0] / page_bytes);
    }
    std::ranges::for_each(
        three.at, [&](std::uintptr_t block) { all.arena.free_mixed(three.slab, block, {}); });
    std::ranges::for_each(blocks, [&](void* block) { all.heap.free(all.arena, block); });
    all.expect_nothing_left();
}

TEST(MixedUnits, ASlabStaysOneWhereThereIsNoMemoryForWhatMustBeNoted) {
    // Which commit is the first one for that?
    constexpr std::uint64_t many = 1'000'000;
    std::uint64_t left = many;
    {
        Survivors all(Survivors::When::later);
        for (all.fails_at = many; !all.arena.has_mixed();) {
            left = all.fails_at;
            ASSERT_NE(all.heap.allocate(all.arena, 512), nullptr);
        }
    }
    for (auto const after : {0u, 1u, 2u}) {
        Survivors again(Survivors::When::later);
        again.fails_at = many - left + after;
        while (again.heap.allocate(again.arena, 512) != nullptr) {
        }
        EXPECT_EQ(again.fails_at, 0u);
        // What is free of the slabs serves as before.
        again.fails_at = UINT64_MAX;
        auto const held = again.held_bytes();
        for (std::size_t added = 0; added < (std::size_t{4} << 20); added += 80) {
            again.add(64 + again.random() % 32);
        }
        EXPECT_LT(again.held_bytes(), held + (std::uint64_t{1} << 20));
        again.expect_all_whole();
    }
}

TEST(MixedUnits, NothingIsLostWhereThereIsNoMemory) {
    for (std::uint64_t commits = 0; commits < 24; ++commits) {
        Survivors all;
        all.fails_at = commits;
        for (int i = 0; i < 20'000; ++i) {
            all.add(16 + all.random() % 900);
        }
        all.expect_all_whole();
        all.fails_at = UINT64_MAX;
        all.expect_nothing_left();
    }
}

TEST(MixedUnits, RandomPhasesAgreeWithAReferenceList) {
    Survivors all;
    for (unsigned phase = 0; phase < 12; ++phase) {
        auto const least = 16 + all.random() % 700;
        for (std::size_t added = 0; added < (std::size_t{4} << 20);) {
            auto const bytes = least + all.random() % 200;
            all.add(bytes);
            added += bytes;
            if (all.random() % 4 == 0) {
                std::swap(all.blocks[all.random() % all.blocks.size()], all.blocks.back());
                ASSERT_TRUE(all.blocks.back().is_whole());
                all.heap.free(all.arena, all.blocks.back().at);
                all.blocks.pop_back();
            }
        }
        all.expect_all_whole();
        std::erase_if(all.blocks, [&](Block const& block) {
            bool const goes = all.random() % 10 != 0;
            goes ? all.heap.free(all.arena, block.at) : void();
            return goes;
        });
    }
    all.expect_all_whole();
    all.expect_nothing_left();
}

// Each thread frees what others made, while slabs become mixed units under it.
struct ThreadsConfig {
    using Source = Pages;
    using Lock = std::mutex;
    static Owner self() {
        static thread_local char here;
        return reinterpret_cast<Owner>(&here) << 20;
    }
    static std::uint64_t plus_self(std::uint64_t n, std::uint64_t const& word) {
        return n + __atomic_load_n(&word, __ATOMIC_RELAXED) + self();
    }
};

TEST(MixedUnits, OthersFreeTheirBlocksMeanwhile) {
    static Arena<ThreadsConfig> arena;
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
        LocalHeap<ThreadsConfig> heap;
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
    std::vector<std::thread> all;
    for (unsigned id = 0; id < threads; ++id) {
        all.emplace_back(work, id);
    }
    for (auto& thread : all) {
        thread.join();
    }
    LocalHeap<ThreadsConfig> heap;
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
}  // namespace slab
