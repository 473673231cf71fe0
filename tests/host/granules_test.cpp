// The bits of mixed units, beside a plain model.
#include "heap/granules.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
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

}  // namespace
}  // namespace slab
