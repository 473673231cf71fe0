// Where a control group of Linux says what memory it may have and has (admin-guide/cgroup-v2, "Memory", and
// admin-guide/cgroup-v1/memory).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace slab::hosted {

struct Hierarchy {
    std::string_view controller;  // its name in /proc/self/cgroup
    std::string_view root;        // where it is mounted, as is usual
    // Files of a group's folder; one may be enough.
    std::array<std::string_view, 2> limits;
    std::string_view in_use;
};
inline constexpr std::array hierarchies = {Hierarchy{.controller = "",
                                                     .root = "/sys/fs/cgroup",
                                                     .limits = {"/memory.high", "/memory.max"},
                                                     .in_use = "/memory.current"},
                                           Hierarchy{.controller = "memory",
                                                     .root = "/sys/fs/cgroup/memory",
                                                     .limits = {"/memory.limit_in_bytes", ""},
                                                     .in_use = "/memory.usage_in_bytes"}};

// The text up to a character, which is taken away with it; all of it, if there is none.
constexpr std::string_view take_until(std::string_view& text, char end) {
    auto const length = std::min(text.find(end), text.size());
    std::string_view const taken(text.data(), length);
    text.remove_prefix(std::min(length + 1, text.size()));
    return taken;
}

// The group's path in the hierarchy of a controller, from lines "id:controllers:path" with commas between controllers
// (cgroups(7), "/proc files"). Empty: it has none.
constexpr std::string_view group_path(std::string_view lines, std::string_view controller) {
    while (!lines.empty()) {
        auto path = take_until(lines, '\n');
        take_until(path, ':');
        auto names = take_until(path, ':');
        do {
            if (take_until(names, ',') == controller) {
                return path;
            }
        } while (!names.empty());
    }
    return {};
}

}  // namespace slab::hosted
