// `heap_pairs KIND COUNT`: that many pairs of an allocation and a free, for tools/bench_pairs.py to count the
// instructions of. What stays live is made before, whatever COUNT is. Time stands still for whatever heap there
// is, so that what it does now and then, by the clock, is not counted: how often that is under callgrind is chance.
#include "heap/heap.hpp"
#include "heap/sources/mmap_source.hpp"

#include <time.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <string_view>
#include <vector>

extern "C" int clock_gettime(clockid_t, timespec* time) {
    *time = {};
    return 0;
}

namespace {

// The compiler must not know that nothing is done with it.
void* used(void* block) {
    asm volatile("" : "+r"(block) : : "memory");
    return block;
}

void repeated(std::uint64_t count) {
    for (; count != 0; --count) {
        std::free(used(std::malloc(64)));
    }
}

// 1,024 live, first in, first out.
void queue(std::uint64_t count) {
    std::array<void*, 1024> live{};
    for (std::uint64_t i = 0; i < count + live.size(); ++i) {
        auto& block = live[i % live.size()];
        std::free(block);
        block = used(std::malloc(64));
    }
}

void zeroed(std::uint64_t count) {
    for (; count != 0; --count) {
        std::free(used(std::calloc(1, 64)));
    }
}

void large(std::uint64_t count) {
    for (; count != 0; --count) {
        std::free(used(std::malloc(32 << 10)));
    }
}

void aligned(std::uint64_t count) {
    for (; count != 0; --count) {
        std::free(used(std::aligned_alloc(64, 64)));
    }
}

void by_new(std::uint64_t count) {
    for (; count != 0; --count) {
        ::operator delete(used(::operator new(64)), std::size_t{64});
    }
}

// Through the C++ interface, of this project's heap whichever is preloaded.
constinit slab::Heap<slab::MmapSource> heap;

void inlined(std::uint64_t count) {
    for (; count != 0; --count) {
        heap.free(used(heap.allocate(64)));
    }
}
void inlined_told(std::uint64_t count) {
    for (; count != 0; --count) {
        heap.free(used(heap.allocate(64)), 64);
    }
}
// Of several slabs.
void inlined_told_queue(std::uint64_t count) {
    std::array<void*, 4096> live{};
    for (std::uint64_t i = 0; i < count; ++i) {
        auto& block = live[i % live.size()];
        heap.free(block, 64);
        block = used(heap.allocate(64));
    }
}

// So many live, of 16 to 127 bytes; one after the other, at random, makes way for a new one.
template <std::size_t Live>
void random_of(std::uint64_t count) {
    std::minstd_rand random(1);
    std::vector<void*> live(Live);
    for (auto& block : live) {
        block = used(std::malloc(16 + random() % 112));
    }
    for (; count != 0; --count) {
        auto& block = live[random() % Live];
        std::free(block);
        block = used(std::malloc(16 + random() % 112));
    }
}

// 2,000 live of 1 to 32 KiB, in the same way.
void random_larger(std::uint64_t count) {
    std::minstd_rand random(1);
    std::vector<void*> live(2'000);
    for (auto i = 10 * live.size() + count; i != 0; --i) {
        auto& block = live[random() % live.size()];
        std::free(block);
        block = used(std::malloc(1024 + random() % 31'744));
    }
}

struct Kind {
    std::string_view name;
    void (*run)(std::uint64_t count);
};
constexpr std::array kinds = {
    Kind{"repeated", repeated},
    Kind{"queue", queue},
    Kind{"new", by_new},
    Kind{"inlined", inlined},
    Kind{"inlined-told", inlined_told},
    Kind{"inlined-told-queue", inlined_told_queue},
    Kind{"calloc", zeroed},
    Kind{"aligned", aligned},
    Kind{"large", large},
    Kind{"random-larger", random_larger},
    Kind{"random-1e3", random_of<1'000>},
    Kind{"random-1e5", random_of<100'000>},
    Kind{"random-1e6", random_of<1'000'000>},
    Kind{"random-1e7", random_of<10'000'000>},
};

}  // namespace

int main(int count, char** arguments) {
    for (auto const& [name, run] : kinds) {
        if (count == 3 && name == arguments[1]) {
            run(std::strtoull(arguments[2], nullptr, 10));
            return 0;
        }
    }
    std::fputs("heap_pairs KIND COUNT; kinds:", stderr);
    for (auto const& kind : kinds) {
        std::fprintf(stderr, " %s", kind.name.data());
    }
    std::fputs("\n", stderr);
    return 1;
}
