// What is known of pages that were moved.
#include "heap/origins.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>

namespace slab {
namespace {

TEST(Origins, WhatNeverMovedIsOnePart) {
    Origins const origins;
    EXPECT_EQ(origins.end_of_part({.first = 5, .end = 500}), 500u);
    EXPECT_FALSE(origins.is_any_in({.first = 0, .end = 500}));
}

TEST(Origins, WhatMovedIsAPartOfItsOwnAndLeavesNone) {
    Origins origins;
    origins.moved({.first = 100, .end = 120}, 300);
    EXPECT_EQ(origins.end_of_part({.first = 90, .end = 200}), 200u);
    EXPECT_EQ(origins.end_of_part({.first = 290, .end = 400}), 300u);
    EXPECT_EQ(origins.end_of_part({.first = 310, .end = 400}), 320u);
    EXPECT_TRUE(origins.is_any_in({.first = 319, .end = 330}));
    EXPECT_FALSE(origins.is_any_in({.first = 320, .end = 330}));
}

TEST(Origins, WhatCameFromOnePlaceInTwoStepsIsOnePart) {
    Origins origins;
    origins.moved({.first = 110, .end = 120}, 310);
    origins.moved({.first = 100, .end = 110}, 300);
    EXPECT_EQ(origins.end_of_part({.first = 300, .end = 400}), 320u);
    origins.moved({.first = 300, .end = 320}, 100);  // back home
    EXPECT_FALSE(origins.is_any_in({.first = 0, .end = 1000}));
}

TEST(Origins, AMiddleThatIsForgottenLeavesBothEnds) {
    Origins origins;
    origins.moved({.first = 100, .end = 130}, 300);
    origins.forget({.first = 310, .end = 320});
    EXPECT_EQ(origins.end_of_part({.first = 300, .end = 400}), 310u);
    EXPECT_EQ(origins.end_of_part({.first = 310, .end = 400}), 320u);
    EXPECT_EQ(origins.end_of_part({.first = 320, .end = 400}), 330u);
}

TEST(Origins, RandomMovesAgreeWithAReferenceMap) {
    constexpr std::uint32_t units = 2000;
    Origins origins;
    std::map<std::uint32_t, std::uint32_t> reference;  // place: home, where they differ
    std::mt19937 random(3);
    auto const home = [&](std::uint32_t unit) {
        auto const found = reference.find(unit);
        return found != reference.end() ? found->second : unit;
    };
    for (int step = 0; step < 20'000 && origins.has_room(1); ++step) {
        UnitRange from{.first = static_cast<std::uint32_t>(random() % units)};
        from.end = origins.end_of_part(
            {.first = from.first,
             .end = from.first + 1 + static_cast<std::uint32_t>(random() % 50)});
        for (auto i = from.first; i != from.end; ++i) {
            ASSERT_EQ(home(i) - i, home(from.first) - from.first);
        }
        auto const to = units + 100 + static_cast<std::uint32_t>(random() % units);
        auto const [source, target] =
            random() % 2 == 0 ? std::pair{from, to}
                              : std::pair{from, static_cast<std::uint32_t>(random() % (units / 2))};
        if (target < source.end && source.first < target + source.count()) {
            origins.forget(source);
            for (auto i = source.first; i != source.end; ++i) {
                reference.erase(i);
            }
            continue;
        }
        origins.moved(source, target);
        for (std::uint32_t i = 0; i < source.count(); ++i) {
            auto const was = home(source.first + i);
            reference.erase(source.first + i);
            reference.erase(target + i);
            if (was != target + i) {
                reference[target + i] = was;
            }
        }
        ASSERT_EQ(origins.is_any_in({.first = 0, .end = 3 * units}), !reference.empty());
    }
}

}  // namespace
}  // namespace slab
