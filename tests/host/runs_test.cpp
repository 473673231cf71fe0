// Runs of units: which pages of free ones are there, and that a purge finds them without a look at all others.
#include "heap/runs.hpp"
#include "heap/sources/mmap_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace slab {
namespace {

constexpr Owner own = 1;

// Pages of free runs stay until a purge.
struct TickingSource : MmapSource {
    static inline std::uint32_t time = 0;
    std::uint32_t ticks() { return time; }
};

struct RunsTest : ::testing::Test {
    RunsTest() { TickingSource::time = 0; }
    ~RunsTest() override { runs.release(); }

    // A run of which all pages are there.
    UnitRange take(std::uint32_t count) {
        auto const first = runs.take(count, 1, own);
        EXPECT_NE(first, 0u);
        EXPECT_NE(runs.commit(first, count * pages_a_unit), Committed::failed);
        return {.first = first, .end = first + count};
    }
    void put(UnitRange range) { runs.put(range.first, range.count(), own); }
    FreeRun free_run(std::uint32_t first) { return FreeRun::read(runs.units(), first); }

    Runs<TickingSource> runs{TickingSource{}};
};

// Of a move that the system refused there is the mark only.
TEST_F(RunsTest, UnitsToBeClearedThatHaveNoPagesAreLeftAlone) {
    auto const full = take(1);
    auto const first = runs.take(2, 1, own);
    UnitRange const empty{.first = first, .end = first + 2};
    auto* const word = reinterpret_cast<std::uint64_t*>(runs.address_of(full.first));
    *word = 1;
    runs.mark_dirty(full);
    runs.mark_dirty(empty);
    runs.clear_dirty(full);
    runs.clear_dirty(empty);  // it may not be touched
    EXPECT_EQ(*word, 0u);
    put(full);
    put(empty);
}

// One that leaves free pages to others, if it wishes to.
struct LazySource : TickingSource {
    static inline std::size_t left_bytes = 0;
    static inline bool is_lazy = true;
    bool purge_lazy(std::byte*, std::size_t bytes) {
        left_bytes += is_lazy ? bytes : 0;
        return is_lazy;
    }
};
TEST(LazyRuns, PagesThatAreLeftToOthersStayCommittedAndAreLeftOnce) {
    Runs<LazySource> runs{LazySource{}};
    auto const first = runs.take(3, 1, own);
    ASSERT_NE(runs.commit(first, 3 * pages_a_unit), Committed::failed);
    runs.put(first, 3, own);
    runs.purge(0);
    runs.purge(0);
    EXPECT_EQ(LazySource::left_bytes, 3 * unit_bytes);
    EXPECT_EQ(runs.unit(first).committed_pages, pages_a_unit);
    EXPECT_EQ(runs.commit(runs.take(3, 1, own), 1), Committed::dirty);

    LazySource::is_lazy = false;
    runs.put(first, 3, own);
    runs.purge(0);
    EXPECT_EQ(LazySource::left_bytes, 3 * unit_bytes);
    EXPECT_EQ(runs.unit(first).committed_pages, 0u);
    runs.release();
}

TEST_F(RunsTest, AShortRunThatJoinsALongOneWithoutPagesIsAllThatAPurgeLooksAt) {
    auto const before = take(1);
    auto const long_one = take(1000);
    auto const behind = take(2);
    take(1);
    put(long_one);
    runs.purge(0);
    EXPECT_EQ(runs.held_pages(long_one), 0u);
    EXPECT_TRUE(free_run(long_one.first).holding.is_empty());

    put(behind);
    EXPECT_EQ(free_run(long_one.first).units.count(), 1002u);
    EXPECT_EQ(free_run(long_one.first).holding.count(), 2u);
    put(before);
    EXPECT_EQ(free_run(before.first).units.count(), 1003u);
    EXPECT_EQ(free_run(before.first).holding.count(), 1003u);
    runs.purge(0);
    EXPECT_EQ(runs.held_pages({.first = before.first, .end = behind.end}), 0u);
}

TEST_F(RunsTest, ASheddingTakesNoMoreThanAskedForAndTheRestStaysKnown) {
    auto const all = take(100);
    take(1);
    put(all);
    runs.shed(30 * pages_a_unit);
    EXPECT_EQ(runs.held_pages(all), 70 * pages_a_unit);
    EXPECT_EQ(free_run(all.first).holding.count(), 70u);
    runs.shed(1000 * pages_a_unit);
    EXPECT_EQ(runs.held_pages(all), 0u);
}

TEST_F(RunsTest, UnitsGoToWhoHadThemLast) {
    constexpr Owner other = 2;
    auto const mine = take(1);
    take(1);
    auto const longer = take(4);
    take(1);
    runs.put(longer.first, 4, own);
    runs.put(mine.first, 1, other);  // the shortest one, and the last one that came
    EXPECT_EQ(runs.take(1, 1, own), longer.first);
    EXPECT_EQ(runs.take(1, 1, other), mine.first);
    // Of a run that was both's, each gets its own end.
    runs.put(longer.first, 1, own);
    auto const back = longer.end - 1;
    EXPECT_EQ(runs.take(3, 1, own), longer.first);
    EXPECT_EQ(runs.take(1, 1, own), back);
    runs.put(longer.first, 3, own);
    runs.put(back, 1, other);
    EXPECT_EQ(free_run(longer.first).units.count(), 4u);
    EXPECT_EQ(runs.take(1, 1, other), back);
    EXPECT_EQ(runs.take(1, 1, own), longer.first);
    // What another one had is better than what nobody has touched.
    auto const used = runs.used_units();
    EXPECT_EQ(runs.take(2, 1, 3), longer.first + 1);
    EXPECT_EQ(runs.used_units(), used);
}

TEST_F(RunsTest, SingleUnitsAreFoundWithinARunIfItIsNotTooLong) {
    constexpr Owner other = 2;
    auto const all = take(100);
    take(1);
    auto const put_with = [&](std::uint32_t others, std::uint32_t count) {
        auto const middle = all.first + others;
        runs.put(all.first, others, own);
        runs.put(middle, count, other);
        runs.put(middle + count, all.end - middle - count, own);
        EXPECT_EQ(free_run(all.first).units.count(), 100u);
        return middle;
    };
    auto const middle = put_with(7, 2);
    EXPECT_EQ(runs.take(1, 1, other), middle);
    EXPECT_EQ(free_run(all.first).units.count(), 7u);
    EXPECT_EQ(free_run(middle + 1).units.count(), 92u);
    EXPECT_EQ(runs.take(1, 1, other), middle + 1);
    EXPECT_EQ(runs.take(7, 1, own), all.first);
    EXPECT_EQ(runs.take(91, 1, own), middle + 2);
    // Not several.
    put_with(7, 2);
    EXPECT_EQ(runs.take(2, 1, other), all.first);
    EXPECT_EQ(runs.take(98, 1, own), all.first + 2);
    // Nor behind many that were not.
    put_with(80, 1);
    EXPECT_EQ(runs.take(1, 1, other), all.first);
}

TEST_F(RunsTest, UnitsInFrontOrBehindAreAligned) {
    constexpr Owner other = 2;
    auto const all = take(16);
    take(1);
    auto const middle = (all.first + 7) / 8 * 8;
    runs.put(all.first, middle - all.first, own);
    runs.put(middle, all.end - middle, other);
    auto const front = runs.take(2, 2, own);
    auto const back = runs.take(2, 2, other);
    EXPECT_EQ(front % 2, 0u);
    EXPECT_EQ(back % 2, 0u);
    EXPECT_LE(front - all.first, 1u);
    EXPECT_LE(all.end - (back + 2), 1u);
    EXPECT_EQ(runs.take(16, 16, own) % 16, 0u);
}

TEST_F(RunsTest, PagesOfFreeUnitsAreAllKnown) {
    std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the same each time
    std::vector<UnitRange> held;
    // The free runs, each as the end of one that is held and the begin of the next.
    auto const for_each_free = [&](auto look) {
        std::ranges::sort(held, {}, &UnitRange::first);
        std::uint32_t begin = 1;
        for (auto const& range : held) {
            if (begin != range.first) {
                look(UnitRange{.first = begin, .end = range.first});
            }
            begin = range.end;
        }
    };
    for (int call = 0; call < 20'000; ++call) {
        if (held.size() < 50 || random() % 2 == 0) {
            held.push_back(take(1 + static_cast<std::uint32_t>(random() % 5)));
        } else {
            auto& which = held[random() % held.size()];
            put(which);
            which = held.back();
            held.pop_back();
        }
        if (random() % 64 == 0) {
            auto const purged = random() % 4 == 0;
            if (purged) {
                runs.purge(0);
            } else {
                runs.shed(random() % 200);
            }
            for_each_free([&](UnitRange range) {
                auto const run = free_run(range.first);
                ASSERT_EQ(run.units.end, range.end);
                ASSERT_EQ(runs.held_pages(run.holding), runs.held_pages(range));
                ASSERT_TRUE(!purged || runs.held_pages(range) == 0);
            });
        }
    }
}

}  // namespace
}  // namespace slab
