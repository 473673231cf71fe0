// The console: text out to every device the machine has, keys in through a ring that the receive
// interrupt fills.
#pragma once

#include "base/format.hpp"
#include "kernel/environment.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace quarry {

class Console {
  public:
    constexpr Console() = default;

    // A key has come; wakes nobody by itself (Kernel::key_pressed does). Full: the key is dropped.
    void put_key(char key) EXCLUDES(lock_);
    // Copies the oldest keys that fit and returns how many; they stay until dropped.
    std::size_t peek_keys(std::span<char> to) const EXCLUDES(lock_);
    void drop_keys(std::size_t count) EXCLUDES(lock_);

    // Waits for a key, unless there is one: then false.
    bool add_reader(Environment& reader) EXCLUDES(lock_);
    void remove_reader(Environment& reader) EXCLUDES(lock_);
    // The id of one that waits, taken out; 0 if there is none.
    std::uint64_t pop_reader() EXCLUDES(lock_);
    bool readers_waiting() const EXCLUDES(lock_);

  private:
    static constexpr std::size_t capacity = 1024;
    mutable SpinLock lock_{Rank::console};
    EnvironmentQueue readers_ GUARDED_BY(lock_);
    std::array<char, capacity> keys_ GUARDED_BY(lock_){};
    std::size_t first_ GUARDED_BY(lock_) = 0;  // counts since boot, taken modulo capacity
    std::size_t last_ GUARDED_BY(lock_) = 0;
};

// Prints to the console, from anywhere in the kernel.
template <typename... Args>
void print(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
    auto write = [](std::string_view text) { machine::console_write(text); };
    format_to(write, format, args...);
}

}  // namespace quarry
