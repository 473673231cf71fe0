// Which control group a program is in, by what /proc/self/cgroup says.
#include "heap/linux/cgroup.hpp"

#include <gtest/gtest.h>

namespace slab::hosted {
namespace {

TEST(Cgroup, ThePathIsThatOfTheHierarchyWithTheController) {
    constexpr std::string_view both = "9:name=systemd:/\n4:cpu,memory:/a/b\n0::/unified\n";
    EXPECT_EQ(group_path(both, "memory"), "/a/b");
    EXPECT_EQ(group_path(both, "cpu"), "/a/b");
    EXPECT_EQ(group_path(both, ""), "/unified");
    EXPECT_EQ(group_path(both, "mem"), "");
    EXPECT_EQ(group_path(both, "io"), "");
}

TEST(Cgroup, APathMayHaveColonsAndTheLastLineNoEnd) {
    EXPECT_EQ(group_path("0::/a:b", ""), "/a:b");
    EXPECT_EQ(group_path("4:memory:/a:b,memory:c", "memory"), "/a:b,memory:c");
}

TEST(Cgroup, WhatIsNoSuchFileNamesNoGroup) {
    for (auto const text : {"", "\n", "4", "4:", "4:memory", "4:memory:", ":::", "\n\n"}) {
        EXPECT_EQ(group_path(text, "memory"), "") << text;
    }
}

}  // namespace
}  // namespace slab::hosted
