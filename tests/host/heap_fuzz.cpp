// A fuzzer's input as calls of a heap, beside a model of what is in each block: `make fuzz` runs it, with
// AddressSanitizer. The first byte says which heap; four bytes are a call.
#include "heap/fixed_heap.hpp"
#include "heap/hardened_heap.hpp"
#include "heap/heap.hpp"
#include "heap/sources/failing.hpp"
#include "tests/host/heap_fixture.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace slab {
namespace {

void require(bool condition, char const* what) {
    if (!condition) {
        std::fprintf(stderr, "heap_fuzz: %s\n", what);
        std::abort();
    }
}

// What was complained of is a mistake of the heap's: the calls are all right.
char const* complaint = nullptr;
std::uint64_t fails_at = 0;

// Pages that stay usable when they are taken away, so that slabs in use lose some; commits that fail.
struct Pages : test::UsableSource {
    static constexpr std::size_t window_bytes = std::size_t{64} << 20;
};
Failing<Pages> source() {
    Failing<Pages> failing;
    failing.fails_at = &fails_at;
    failing.complaint = &complaint;
    return failing;
}

struct Slabs {
    Heap<Failing<Pages>> heap{source()};
    void* allocate(std::size_t alignment, std::size_t bytes) {
        return alignment == 1 ? heap.allocate(bytes) : heap.allocate_aligned(alignment, bytes);
    }
    void* reallocate(void* block, std::size_t bytes) { return heap.reallocate(block, bytes); }
    void free(void* block) { heap.free(block); }
    std::size_t usable(void* block) { return heap.usable_bytes(block); }
    void trim() { heap.trim(); }
    ~Slabs() {
        heap.trim();
        require(heap.statistics().in_use_bytes == 0, "something is left in use");
        heap.release();
    }
};

// The same, with slabs of which few blocks were left when it grew, twice: mixed units.
struct MixedSlabs : Slabs {
    static constexpr std::size_t bytes = 80;
    std::array<void*, 2 * blocks_a_slab(class_of(bytes))> survivors;
    std::array<void*, 2> growth;
    std::array<void*, 2> others;

    MixedSlabs() {
        fails_at = ~std::uint64_t{0};
        for (auto*& block : survivors) {
            block = heap.allocate(bytes);
        }
        for (std::size_t i = 0; i < survivors.size(); ++i) {
            if (i % 16 != 0 || i % 256 >= 64) {  // of some pages none survives
                heap.free(std::exchange(survivors[i], nullptr));
            }
        }
        for (std::size_t i = 0; i < growth.size(); ++i) {
            growth[i] = heap.allocate(std::size_t{3} << 20);
            others[i] = heap.allocate((i + 1) * 3'000);
        }
    }
    ~MixedSlabs() {
        for (auto* const block : survivors) {
            heap.free(block);
        }
        for (auto* const block : growth) {
            heap.free(block);
        }
        for (auto* const block : others) {
            heap.free(block);
        }
    }
};

struct HardenedConfig : SingleConfig<Failing<Pages>> {
    static constexpr bool hardened = true;
};
struct HardenedSlabs {
    Arena<HardenedConfig> arena{source()};
    HardenedHeap<HardenedConfig> heap{1};
    void* allocate(std::size_t alignment, std::size_t bytes) {
        return heap.allocate_aligned(arena, alignment, bytes, Origin::malloc);
    }
    void* reallocate(void* block, std::size_t bytes) {
        return heap.reallocate(arena, block, bytes);
    }
    void free(void* block) { heap.free(arena, block, {}); }
    std::size_t usable(void* block) { return heap.usable_bytes(arena, block); }
    void trim() { heap.trim(arena); }
    ~HardenedSlabs() {
        heap.check(arena);
        heap.abandon(arena);
        arena.trim();
        require(statistics_of(arena.runs()).in_use_bytes == 0, "something is left in use");
        arena.release();
    }
};

struct Fixed {
    struct Complain {
        void operator()(char const* what, void const*) const { complaint = what; }
    };
    alignas(16) static inline std::array<std::byte, 64 * 1024> buffer;
    FixedHeap<Complain> heap{buffer, 1, Complain{}};
    void* allocate(std::size_t alignment, std::size_t bytes) {
        return heap.allocate_aligned(alignment, bytes);
    }
    void* reallocate(void* block, std::size_t bytes) { return heap.reallocate(block, bytes); }
    void free(void* block) { heap.free(block); }
    std::size_t usable(void* block) { return heap.usable_bytes(block); }
    void trim() {}
};

// What is in a block: its ends whole, and of a large one a byte here and there between, since a page that
// is touched costs as much as many calls.
struct Block {
    unsigned char* at = nullptr;
    std::size_t bytes = 0;
    unsigned char fill = 0;

    static constexpr std::size_t end_bytes = 256;
    static constexpr std::size_t step = 40'001;

    std::span<unsigned char> head(std::size_t length) const {
        return {at, std::min(length, end_bytes)};
    }
    std::span<unsigned char> tail(std::size_t length) const {
        auto const size = std::min(length, end_bytes);
        return {at + (length - size), size};
    }
    // Of its first `length` bytes, those that were set.
    void check(std::size_t length) const {
        auto const is_kept = [&](unsigned char byte) { return byte == fill; };
        bool kept = std::ranges::all_of(head(length), is_kept);
        if (length == bytes) {
            kept = kept && std::ranges::all_of(tail(length), is_kept);
        }
        for (auto i = step; i < length; i += step) {
            kept = kept && is_kept(at[i]);
        }
        require(kept, "a block's contents changed");
    }
    void set(void* block, std::size_t length, unsigned char what) {
        *this = {static_cast<unsigned char*>(block), length, what};
        std::ranges::fill(head(length), what);
        std::ranges::fill(tail(length), what);
        for (auto i = step; i < length; i += step) {
            at[i] = what;
        }
    }
};

// Small ones mostly.
std::size_t size_of(std::uint8_t kind, std::uint8_t more) {
    std::size_t const scale = std::size_t{1} << (kind >> 5) * 2;
    return kind < 224 ? more % (16 * scale) : more * std::size_t{600};
}

std::uint64_t calls_made = 0;

template <typename Heap>
void make_calls(Heap& heap, std::span<Block> blocks, std::span<std::uint8_t const> calls) {
    for (; calls.size() >= 4; calls = calls.subspan(4)) {
        auto& block = blocks[calls[1] % blocks.size()];
        auto const bytes = size_of(calls[2], calls[3]);
        fails_at = calls[0] >= 0xf0 ? calls[0] & 15 : ~std::uint64_t{0};
        if (block.at == nullptr) {
            auto const alignment = calls[0] % 4 == 0 ? std::size_t{1} << calls[0] % 15 : 1;
            if (void* const got = heap.allocate(alignment, bytes)) {
                require(reinterpret_cast<std::uintptr_t>(got) % alignment == 0, "not aligned");
                require(heap.usable(got) >= bytes, "shorter than asked for");
                block.set(got, bytes, calls[3]);
            }
        } else if (calls[0] % 4 == 1) {
            block.check(block.bytes);
            if (void* const got = heap.reallocate(block.at, bytes)) {
                block.at = static_cast<unsigned char*>(got);
                block.check(std::min(bytes, block.bytes));
                block.set(got, bytes, calls[3]);
            }
        } else if (calls[0] == 2) {
            heap.trim();
        } else {
            block.check(block.bytes);
            heap.free(block.at);
            block = {};
        }
        require(complaint == nullptr, complaint);
    }
}

// An input is played several times: to make a heap takes as long as hundreds of calls.
template <typename Heap>
void run(std::span<std::uint8_t const> calls) {
    constexpr int times = 16;
    Heap heap;
    std::array<Block, 48> blocks{};
    for (int i = 0; i < times; ++i) {
        make_calls(heap, blocks, calls);
    }
    calls_made += times * (calls.size() / 4);
    fails_at = ~std::uint64_t{0};
    for (auto const& block : blocks) {
        if (block.at != nullptr) {
            block.check(block.bytes);
            heap.free(block.at);
        }
    }
    require(complaint == nullptr, complaint);
}

}  // namespace
}  // namespace slab

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    return std::atexit([] {
        std::fprintf(stderr, "heap_fuzz: %llu calls\n",
                     static_cast<unsigned long long>(slab::calls_made));
    });
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size != 0) {
        std::span const calls(data + 1, size - 1);
        switch (data[0] % 4) {
            case 0:
                slab::run<slab::HardenedSlabs>(calls);
                break;
            case 1:
                slab::run<slab::Fixed>(calls);
                break;
            case 2:
                slab::run<slab::MixedSlabs>(calls);
                break;
            default:
                slab::run<slab::Slabs>(calls);
        }
    }
    return 0;
}
