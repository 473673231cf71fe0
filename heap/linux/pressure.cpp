#include "heap/linux/pressure.hpp"

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

constexpr std::string_view root = "/sys/fs/cgroup";
constexpr std::uint64_t no_limit = UINT64_MAX;

enum class State : unsigned char { unknown, being_found, unlimited, limited };
constinit std::atomic<State> state = State::unknown;
// Of the group with the least limit; not changed once `state` says limited.
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

std::optional<std::uint64_t> read_number(Path folder, std::string_view name) {
    if (!folder.append(name)) {
        return std::nullopt;
    }
    std::array<char, 32> buffer{};
    auto const text = read_file(folder.c_str(), buffer);
    std::uint64_t number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
        number = number * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    }
    return digits != 0 ? std::optional(number) : std::nullopt;  // "max" is none
}

// The line "0::/path" of /proc/self/cgroup, below the usual place.
bool find_group(Path& folder) {
    if (auto const* const named = secure_getenv("SLAB_CGROUP"); named != nullptr) {
        return folder.append(named);
    }
    std::array<char, 1024> buffer{};
    auto const text = read_file("/proc/self/cgroup", buffer);
    constexpr std::string_view marker = "0::";
    auto at = text.find(marker);
    while (at != std::string_view::npos && at != 0 && text[at - 1] != '\n') {
        at = text.find(marker, at + 1);
    }
    if (at == std::string_view::npos) {
        return false;
    }
    auto const begin = at + marker.size();
    auto const end = std::min(text.find('\n', begin), text.size());
    return folder.append(root) && folder.append({text.data() + begin, end - begin});
}

// The least limit of the group and of those above it.
void find_limit(Path folder) {
    for (;;) {
        auto const limit = std::min(read_number(folder, "/memory.high").value_or(no_limit),
                                    read_number(folder, "/memory.max").value_or(no_limit));
        if (limit < limit_bytes) {
            limit_bytes = limit;
            current_file = folder;
        }
        auto const slash = folder.view().rfind('/');
        if (!folder.view().starts_with(root) || slash < root.size() ||
            slash == std::string_view::npos) {
            return;
        }
        folder.shorten_to(slash);
    }
}

State find_state() {
    auto expected = State::unknown;
    if (!state.compare_exchange_strong(expected, State::being_found, std::memory_order_acquire)) {
        return expected;
    }
    Path folder;
    if (find_group(folder)) {
        find_limit(folder);
    }
    auto const found = limit_bytes != no_limit ? State::limited : State::unlimited;
    state.store(found, std::memory_order_release);
    return found;
}

}  // namespace

bool is_memory_short() {
    KeepErrno const kept;
    auto known = state.load(std::memory_order_acquire);
    if (known == State::unknown) {
        known = find_state();
    }
    if (known != State::limited) {
        return false;
    }
    auto const used = read_number(current_file, "/memory.current");
    return used && *used > limit_bytes - limit_bytes / 8;
}

}  // namespace slab::hosted
