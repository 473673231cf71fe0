#include "kernel/console.hpp"

#include <algorithm>

namespace quarry {

void Console::put_key(char key) {
    if (last_ - first_ < capacity) {
        keys_[last_++ % capacity] = key;
    }
}

std::size_t Console::peek_keys(std::span<char> to) const {
    auto const count = std::min(to.size(), last_ - first_);
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = keys_[(first_ + i) % capacity];
    }
    return count;
}

}  // namespace quarry
