// A firmware's heap: 64 KiB and nothing else. No clock, no thread-local storage, no lock; the same calls give the
// same addresses. main and printf are for trying it out.
#include "heap/fixed_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdio>

namespace {

alignas(16) std::array<std::byte, 64 * 1024> memory;

struct Report {
    void operator()(char const* what, void const* pointer) const {
        std::printf("heap: %s: %p\n", what, pointer);
    }
};

}  // namespace

int main() {
    slab::FixedHeap heap(memory, 0x5eed, Report{});
    std::size_t held = 0;
    unsigned state = 1;
    for (;; held += 16 + state % 497) {
        state = state * 1103515245 + 12345;
        if (heap.allocate(16 + state % 497) == nullptr) {
            break;
        }
    }
    std::printf("%zu of %zu bytes held\n", held, memory.size());
    return held >= memory.size() * 7 / 10 ? 0 : 1;
}
