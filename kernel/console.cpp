#include "kernel/console.hpp"

#include <algorithm>

namespace quarry {

void Console::put_key(char key) {
    LockGuard const guard(lock_);
    if (last_ - first_ < capacity) {
        keys_[last_++ % capacity] = key;
    }
}

std::size_t Console::peek_keys(std::span<char> to) const {
    LockGuard const guard(lock_);
    auto const count = std::min(to.size(), last_ - first_);
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = keys_[(first_ + i) % capacity];
    }
    return count;
}

void Console::drop_keys(std::size_t count) {
    LockGuard const guard(lock_);
    first_ += std::min(count, last_ - first_);
}

bool Console::add_reader(Environment& reader) {
    LockGuard const guard(lock_);
    if (last_ != first_) {
        return false;
    }
    readers_.push_back(reader);
    return true;
}

void Console::remove_reader(Environment& reader) {
    LockGuard const guard(lock_);
    if (EnvironmentQueue::contains_link(reader)) {
        readers_.remove(reader);
    }
}

std::uint64_t Console::pop_reader() {
    LockGuard const guard(lock_);
    auto* const reader = readers_.pop_front();
    return reader != nullptr ? reader->id.value : 0;
}

bool Console::readers_waiting() const {
    LockGuard const guard(lock_);
    return !readers_.empty();
}

}  // namespace quarry
