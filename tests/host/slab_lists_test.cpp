// Lists of units, and how many slabs a thread's heap says it has.
#include "heap/local_heap.hpp"
#include "heap/unit_list.hpp"
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

namespace slab {
namespace {

TEST(UnitList, HasTheOrderOfItsPushesWhateverLeaves) {
    std::array<Unit, 20> units;
    UnitList list;
    std::deque<std::uint32_t> expected;
    std::mt19937 random(1);
    for (int step = 0; step < 20'000; ++step) {
        auto const index = static_cast<std::uint32_t>(1 + random() % (units.size() - 1));
        if (auto const at = std::ranges::find(expected, index); at != expected.end()) {
            expected.erase(at);
            list.remove(units.data(), index);
        } else if (random() % 2 == 0) {
            expected.push_front(index);
            list.push(units.data(), index);
        } else {
            expected.push_back(index);
            list.push_back(units.data(), index);
        }
        std::deque<std::uint32_t> found;
        for (auto at = list.first(); at != 0; at = units[at].next) {
            found.push_back(at);
        }
        ASSERT_EQ(found, expected);
        ASSERT_EQ(list.last(units.data()), expected.empty() ? 0 : expected.back());
    }
}

using test::TurnsConfig;

class SlabCounts : public ::testing::Test {
  protected:
    using Heap = LocalHeap<TurnsConfig>;

    ~SlabCounts() override { arena_.release(); }

    // Blocks of few classes, for each has many slabs then; of both heaps.
    void step() {
        TurnsConfig::turn = random_() % 2;
        auto& heap = heaps_[TurnsConfig::turn];
        auto const kind = random_() % 10'000;
        if (kind == 0) {
            heap.abandon(arena_);
        } else if (kind < 5) {
            heap.trim(arena_);
        } else if (kind < (is_growing_ ? 6'500 : 3'500)) {
            blocks_.push_back(heap.allocate(arena_, sizes[random_() % std::size(sizes)]));
        } else if (!blocks_.empty()) {
            std::swap(blocks_[random_() % blocks_.size()], blocks_.back());
            heap.free(arena_, blocks_.back());
            blocks_.pop_back();
        }
        is_growing_ = blocks_.size() < (is_growing_ ? 6'000 : 100);
    }
    // Of the heap whose turn it is.
    std::uint32_t own_slabs(std::size_t size_class) {
        std::uint32_t count = 0;
        for (std::uint32_t i = 1; i < arena_.runs().used_units(); ++i) {
            auto const& unit = arena_.runs().unit(i);
            count += unit.kind == UnitKind::slab && unit.size_class == size_class &&
                             arena_.is_own_slab(unit)
                         ? 1
                         : 0;
        }
        return count;
    }

    static constexpr std::size_t sizes[] = {64, 1000, 3000, 20'000};
    Arena<TurnsConfig> arena_;
    std::array<Heap, 2> heaps_;
    std::vector<void*> blocks_;
    std::mt19937_64 random_{1};
    bool is_growing_ = true;
};

TEST_F(SlabCounts, AreOfTheSlabsThatAHeapOwns) {
    for (int i = 0; i < 100'000; ++i) {
        step();
        if (i % 100 == 0) {
            for (auto const turn : {std::size_t{0}, std::size_t{1}}) {
                TurnsConfig::turn = turn;
                for (std::size_t size_class = 0; size_class < class_count; ++size_class) {
                    ASSERT_EQ(heaps_[turn].slabs(size_class), own_slabs(size_class));
                }
            }
        }
    }
}

}  // namespace
}  // namespace slab
