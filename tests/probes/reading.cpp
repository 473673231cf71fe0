// What a program can learn or do through memory that is not its own any more, and sizes beyond reason.
#include "tests/probes/probe.hpp"

#include <malloc.h>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" void* reallocarray(void*, std::size_t, std::size_t) noexcept;

namespace probes {
namespace {

Seen harm_if(bool harm) { return harm ? Seen::no_harm : Seen::harm_prevented; }

// Freed memory does not show what was in it.
Seen secret_after_free(Settings const& s) {
    auto* const block = make_block(s.bytes);
    std::memset(block, 'S', s.bytes);
    in_thread(s, [=] { std::free(opaque(block)); });
    bool shows = false;
    for (std::size_t i = 0; s.with_mistake && i < s.bytes; ++i) {
        shows = shows || *opaque(block + i) == 'S';
    }
    return harm_if(shows);
}

// The next block is not at once where the last one was.
Seen immediate_reuse(Settings const& s) {
    auto* const block = make_block(s.bytes);
    std::free(opaque(block));
    auto* const next = opaque(static_cast<char*>(std::malloc(s.bytes)));
    return harm_if(s.with_mistake && next == block);
}

Seen executable_heap(Settings const& s) {
    auto* const block = make_block(s.bytes);
    block[0] = static_cast<char>(0xc3);  // ret
    if (s.with_mistake) {
        reinterpret_cast<void (*)()>(opaque(block))();
    }
    return Seen::no_harm;
}

// Each must give null, and say why; a heap that gives memory for the remainder of an overflow does harm.
Seen huge_sizes(Settings const& s) {
    std::size_t huge = s.with_mistake ? SIZE_MAX - s.bytes : 1;
    asm volatile("" : "+r"(huge));
    std::size_t const half = s.with_mistake ? huge / 2 + 2 : 1;
    auto* const block = make_block(s.bytes);
    std::array const given{
        opaque(std::malloc(huge)),
        opaque(std::calloc(half, 2)),
        opaque(reallocarray(nullptr, half, 2)),
        opaque(memalign(64, huge)),
        opaque(std::realloc(block, s.with_mistake ? huge : s.bytes)),
        opaque(::operator new(huge, std::nothrow)),
    };
    for (auto* const one : given) {
        if ((one == nullptr) != s.with_mistake) {
            return Seen::no_harm;
        }
    }
    return Seen::harm_prevented;
}

constexpr std::array probes{
    Probe{"secret after free", secret_after_free, true, false},
    Probe{"immediate reuse", immediate_reuse, true, false},
    Probe{"executable heap", executable_heap, true, false},
    Probe{"huge sizes", huge_sizes, true, false},
};

}  // namespace

std::span<Probe const> reading_probes() { return probes; }

}  // namespace probes
