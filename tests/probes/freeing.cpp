// Blocks that are given back wrongly.
#include "tests/probes/probe.hpp"

#include <array>
#include <cstdlib>
#include <new>

namespace probes {
namespace {

Seen double_free(Settings const& s) {
    auto* const block = make_block(s.bytes);
    std::free(opaque(block));
    if (s.with_mistake) {
        in_thread(s, [=] { std::free(opaque(block)); });
    }
    return Seen::no_harm;
}

Seen double_free_after_others(Settings const& s) {
    auto* const block = make_block(s.bytes);
    std::array<void*, 5> others{};
    for (auto& other : others) {
        other = opaque(std::malloc(s.bytes));
    }
    in_thread(s, [=] { std::free(opaque(block)); });
    for (auto* const other : others) {
        std::free(other);
    }
    if (s.with_mistake) {
        std::free(opaque(block));
    }
    return Seen::no_harm;
}

Seen free_of_the_middle(Settings const& s) {
    auto* const block = make_block(s.bytes);
    auto const distance = s.with_mistake ? (s.bytes / 2 + 15) / 16 * 16 : 0;
    in_thread(s, [=] { std::free(opaque(block + (s.bytes > 16 ? distance : distance / 4))); });
    return Seen::no_harm;
}

Seen unaligned_free(Settings const& s) {
    auto* const block = make_block(s.bytes);
    in_thread(s, [&] { std::free(opaque(block + (s.with_mistake ? 1 : 0))); });
    return Seen::no_harm;
}

Seen free_of_static_memory(Settings const& s) {
    alignas(64) static std::array<char, 3'000'064> buffer;
    auto* const block = make_block(s.bytes);
    if (s.with_mistake) {
        announce(buffer.data() + 64, s.bytes);
        in_thread(s, [] { std::free(opaque(buffer.data() + 64)); });
    }
    std::free(block);
    return Seen::no_harm;
}

Seen delete_with_another_size(Settings const& s) {
    void* const block = opaque(::operator new(s.bytes));
    announce(block, s.bytes);
    in_thread(s, [&] { ::operator delete(opaque(block), s.with_mistake ? 2 * s.bytes : s.bytes); });
    return Seen::no_harm;
}

Seen delete_of_a_malloc(Settings const& s) {
    auto* const block = make_block(s.bytes);
    in_thread(s, [&] {
        if (s.with_mistake) {
            ::operator delete(opaque(static_cast<void*>(block)));
        } else {
            std::free(block);
        }
    });
    return Seen::no_harm;
}

Seen delete_of_an_array(Settings const& s) {
    void* const block = opaque(::operator new[](s.bytes));
    announce(block, s.bytes);
    in_thread(s, [&] {
        if (s.with_mistake) {
            ::operator delete(opaque(block));
        } else {
            ::operator delete[](opaque(block));
        }
    });
    return Seen::no_harm;
}

constexpr std::array probes{
    Probe{"double free", double_free},
    Probe{"double free after others", double_free_after_others},
    Probe{"free of the middle", free_of_the_middle},
    Probe{"unaligned free", unaligned_free},
    Probe{"free of static memory", free_of_static_memory},
    Probe{"delete with another size", delete_with_another_size},
    Probe{"delete of a malloc", delete_of_a_malloc},
    Probe{"delete of an array", delete_of_an_array},
};

}  // namespace

std::span<Probe const> freeing_probes() { return probes; }

}  // namespace probes
