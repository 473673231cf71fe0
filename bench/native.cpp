// What the native calls and the heap cost. Each operation runs between two markers that the
// counting plugin knows (bench/count_plugin.c); tools/bench.py prints the table.
#include "bench/marker.hpp"
#include "user/rt/console.hpp"
#include "user/rt/malloc.hpp"
#include "user/rt/program.hpp"

#include <cstdlib>

namespace {

using namespace quarry;

using namespace quarry::bench;

constexpr std::uint64_t area = 0x2000'0000'0000;

void expect(Result<void> result) {
    if (!result) {
        print("bench: {}\n", result.error());
        exit_program(1);
    }
}

void page_calls() {
    // A neighbour in the same table stays mapped, as in a program at work.
    expect(page_alloc(own_space, {area - 4096, 1}, abi::permission::write));
    expect(page_alloc(own_space, {area + (4u << 20), 1}, abi::permission::write));
    measure<2>([] {
        expect(page_alloc(own_space, {area + (4u << 20) + 4096, 1}, abi::permission::write));
        expect(page_unmap(own_space, {area + (4u << 20) + 4096, 1}));
    });
    measure<3>([] {
        expect(page_alloc(own_space, {area + (4u << 20) + 4096, 256}, abi::permission::write));
        expect(page_unmap(own_space, {area + (4u << 20) + 4096, 256}));
    });
    measure<4>([] {
        expect(page_alloc(own_space, {area + (std::uint64_t{1} << 40), 1}, abi::permission::write));
        expect(page_unmap(own_space, {area + (std::uint64_t{1} << 40), 1}));
    });
}

void heap_calls() {
    measure<5>([] {
        void* block = malloc(64);
        asm volatile("" : "+r"(block) : : "memory");
        free(block);
    });
    measure<6>([] {
        void* block = malloc(64);
        asm volatile("" : "+r"(block) : : "memory");
    });
}

}  // namespace

int main() {
    marker<0, false>();  // the first one met: boot ends here
    marker<0, true>();
    measure<1>([] { (void)env_self(); });
    page_calls();
    heap_calls();
    return 0;
}
