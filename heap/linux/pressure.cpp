#include "heap/linux/pressure.hpp"

#include "heap/attributes.hpp"
#include "heap/linux/cgroup.hpp"
#include "heap/linux/source.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slab::hosted {
namespace {

// A path without allocation.
class Path {
  public:
    constexpr Path() = default;
    bool append(std::string_view text) {
        if (text.size() >= text_.size() - size_) {
            return false;
        }
        std::ranges::copy(text, text_.begin() + size_);
        size_ += text.size();
        text_[size_] = 0;
        return true;
    }
    void shorten_to(std::size_t size) { text_[size_ = size] = 0; }
    std::string_view view() const { return {text_.data(), size_}; }
    char const* c_str() const { return text_.data(); }

  private:
    std::array<char, 1024> text_{};
    std::size_t size_ = 0;
};

constexpr std::uint64_t no_limit = UINT64_MAX;

enum class State : unsigned char { unknown, being_found, unlimited, limited };
constinit std::atomic<State> state = State::unknown;
// What the group with the least limit has in use; not changed once `state` says limited.
constinit Path current_file;
constinit std::uint64_t limit_bytes = no_limit;

template <std::size_t Size>
std::string_view read_file(char const* path, std::array<char, Size>& into) {
    auto const file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return {};
    }
    auto const length = read(file, into.data(), into.size());
    close(file);
    return {into.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

std::optional<std::uint64_t> read_number(char const* path) {
    std::array<char, 32> buffer{};
    auto const text = read_file(path, buffer);
    std::uint64_t number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
        number = number * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    }
    return digits != 0 ? std::optional(number) : std::nullopt;  // "max" is none
}

// Version 1 says with a very large number that there is none.
std::uint64_t read_limit(Path folder, std::string_view name) {
    constexpr std::uint64_t most = std::uint64_t{1} << 60;
    if (name.empty() || !folder.append(name)) {
        return no_limit;
    }
    auto const limit = read_number(folder.c_str()).value_or(no_limit);
    return limit < most ? limit : no_limit;
}

// If the group has the least limit so far, it is remembered.
void consider(Path const& folder, Hierarchy const& hierarchy) {
    for (auto const name : hierarchy.limits) {
        auto file = folder;
        if (auto const limit = read_limit(folder, name);
            limit < limit_bytes && file.append(hierarchy.in_use)) {
            limit_bytes = limit;
            current_file = file;
        }
    }
}

// The group and those above it.
void consider_all(Path folder, Hierarchy const& hierarchy) {
    for (;;) {
        consider(folder, hierarchy);
        auto const slash = folder.view().rfind('/');
        if (slash == std::string_view::npos || slash < hierarchy.root.size()) {
            return;
        }
        folder.shorten_to(slash);
    }
}

void find_limit() {
    std::array<char, 4096> buffer{};
    auto const groups = read_file("/proc/self/cgroup", buffer);
    auto const* const named = secure_getenv("SLAB_CGROUP");
    for (auto const& hierarchy : hierarchies) {
        Path folder;
        if (named != nullptr) {
            if (folder.append(named)) {
                consider(folder, hierarchy);
            }
        } else if (auto const path = group_path(groups, hierarchy.controller);
                   !path.empty() && folder.append(hierarchy.root) && folder.append(path)) {
            consider_all(folder, hierarchy);
        }
    }
}

State find_state() {
    auto expected = State::unknown;
    if (!state.compare_exchange_strong(expected, State::being_found, std::memory_order_acquire)) {
        return expected;
    }
    find_limit();
    auto const found = limit_bytes != no_limit ? State::limited : State::unlimited;
    state.store(found, std::memory_order_release);
    return found;
}

}  // namespace

SLAB_COLD bool is_memory_short() {
    KeepErrno const kept;
    auto known = state.load(std::memory_order_acquire);
    if (known == State::unknown) {
        known = find_state();
    }
    if (known != State::limited) {
        return false;
    }
    auto const used = read_number(current_file.c_str());
    return used && *used > limit_bytes - limit_bytes / 8;
}

}  // namespace slab::hosted
