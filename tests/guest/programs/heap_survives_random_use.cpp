// Random malloc, realloc, aligned_alloc and free with the contents checked; then everything goes
// back.
#include "tests/guest/check.hpp"
#include "user/rt/malloc.hpp"

#include <array>
#include <cstdlib>
#include <cstring>

namespace {
struct Block {
    unsigned char* at = nullptr;
    std::size_t bytes = 0;
    unsigned char fill = 0;

    bool is_whole() const {
        for (std::size_t i = 0; i < bytes; i += 1 + bytes / 16) {
            if (at[i] != fill) {
                return false;
            }
        }
        return true;
    }
    void fill_with(void* where, std::size_t size, unsigned char value) {
        at = static_cast<unsigned char*>(where);
        bytes = size;
        fill = value;
        std::memset(at, value, size);
    }
};
}  // namespace

int main() {
    using namespace quarry;
    using namespace quarry::test;
    static std::array<Block, 300> blocks{};
    std::uint64_t state = 1;
    auto const random = [&](std::uint64_t n) {
        state = state * 6364136223846793005 + 1442695040888963407;
        return (state >> 33) % n;
    };
    for (unsigned step = 0; step < 20'000; ++step) {
        auto& block = blocks[random(blocks.size())];
        check(block.is_whole(), "a block holds what was written");
        auto const size = random(100) == 0 ? random(300'000) : random(2'000);
        auto const fill = static_cast<unsigned char>(step);
        if (block.at == nullptr) {
            auto const alignment = std::size_t{1} << random(14);
            auto* const at = random(4) == 0 ? aligned_alloc(alignment, size) : malloc(size);
            check(at != nullptr, "memory");
            block.fill_with(at, size, fill);
        } else if (random(3) == 0) {
            auto const kept = block.bytes < size ? block.bytes : size;
            auto* const at = realloc(block.at, size);
            check(at != nullptr, "memory");
            block = {static_cast<unsigned char*>(at), kept, block.fill};
            check(block.is_whole(), "realloc keeps the contents");
            block.fill_with(at, size, fill);
        } else {
            free(block.at);
            block = {};
        }
    }
    for (auto& block : blocks) {
        free(block.at);
    }
    check(heap_statistics().in_use_bytes == 0, "nothing is in use");
    auto const used = used_pages();
    release_heap();
    check(used_pages() < used, "the heap's pages went back");
    return 0;
}
