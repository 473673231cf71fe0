// Writes where a program may not.
#include "tests/probes/probe.hpp"

#include <array>
#include <cstdlib>
#include <cstring>

namespace probes {
namespace {

constexpr std::size_t megabyte = 1'000'000;

// Blocks of that size come and go, so that the heap looks at what it has.
void use_the_heap(std::size_t bytes) {
    for (int round = 0; round < 3; ++round) {
        std::array<void*, 100> blocks{};
        for (auto& block : blocks) {
            block = opaque(std::malloc(bytes));
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
    }
}

// From the end of a block on, or before its start.
void write_behind(char* block, std::size_t bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        *opaque(block + bytes + i) = 'o';
    }
}
void write_before(char* block, std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) {
        *opaque(block - i) = 'u';
    }
}

template <std::size_t count>
Seen overflow(Settings const& s) {
    auto* const block = make_block(s.bytes);
    if (s.with_mistake) {
        write_behind(block, s.bytes, count);
    }
    std::free(opaque(block));
    use_the_heap(s.bytes);
    return Seen::no_harm;
}

template <std::size_t count>
Seen underflow(Settings const& s) {
    auto* const block = make_block(s.bytes);
    if (s.with_mistake) {
        write_before(block, count);
    }
    std::free(opaque(block));
    use_the_heap(s.bytes);
    return Seen::no_harm;
}

// At the start, where heaps often keep a link, or in the middle, where they do not.
template <bool at_start>
Seen write_after_free(Settings const& s) {
    auto* const block = make_block(s.bytes);
    in_thread(s, [=] { std::free(opaque(block)); });
    if (s.with_mistake) {
        *opaque(block + (at_start ? 0 : s.bytes / 2)) = 'w';
    }
    use_the_heap(s.bytes);
    return Seen::no_harm;
}

Seen use_of_no_bytes(Settings const& s) {
    auto* const block = static_cast<char*>(opaque(std::malloc(0)));
    announce(block, 1);
    if (s.with_mistake) {
        *block = 'z';
    }
    in_thread(s, [=] { std::free(opaque(block)); });
    use_the_heap(1);
    return Seen::no_harm;
}

constexpr std::array probes{
    Probe{"overflow by 1 byte", overflow<1>, true, false},
    Probe{"overflow by 32 bytes", overflow<32>, true, false},
    Probe{"overflow by a megabyte", overflow<megabyte>, true, false},
    Probe{"underflow by 1 byte", underflow<1>, true, false},
    Probe{"underflow by 32 bytes", underflow<32>, true, false},
    Probe{"underflow by a megabyte", underflow<megabyte>, true, false},
    Probe{"write after free, start", write_after_free<true>},
    Probe{"write after free, middle", write_after_free<false>, true, false},
    Probe{"use of no bytes", use_of_no_bytes, false, true},
};

}  // namespace

std::span<Probe const> writing_probes() { return probes; }

}  // namespace probes
