#include "kernel/console.hpp"

namespace quarry {

void Console::put_key(char key) {
    if (last_ - first_ < capacity) {
        keys_[last_++ % capacity] = key;
    }
}

std::size_t Console::take_keys(std::span<char> to) {
    std::size_t count = 0;
    while (count < to.size() && !empty()) {
        to[count++] = keys_[first_++ % capacity];
    }
    return count;
}

}  // namespace quarry
