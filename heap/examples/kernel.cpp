// A kernel's heap. Its pages come from a page source, here from an array; a kernel's would map frames. There is
// no libc in it but memcpy and memset, which compilers want anyway; main and printf are for trying it out.
#include "heap/heap.hpp"

#include <array>
#include <cstddef>
#include <cstdio>

namespace kernel {

// Eight MiB of "physical memory", which is mapped already: to commit is to say yes.
constexpr std::size_t window_alignment = std::size_t{2} << 20;
alignas(window_alignment) std::array<std::byte, std::size_t{8} << 20> memory;

struct PageSource {
    static constexpr std::size_t window_bytes = std::size_t{4} << 20;

    std::byte* reserve(std::size_t bytes) {
        return bytes <= memory.size() ? memory.data() : nullptr;
    }
    // The heap clears what it promised to be zero.
    slab::Committed commit(std::byte*, std::size_t) { return slab::Committed::dirty; }
    void decommit(std::byte*, std::size_t) {}
    void release(std::byte*, std::size_t) {}
    void fail(char const* what, void const* pointer, std::size_t block_bytes) {
        std::printf("kernel heap: %s: %p, a block of %zu bytes\n", what, pointer, block_bytes);
    }
};

// With one processor; with several, a spin lock of the kernel's as the second parameter.
constinit slab::Heap<PageSource> heap;

struct Task {
    int number;
    Task* next;
};

}  // namespace kernel

int main() {
    kernel::Task* tasks = nullptr;
    for (int i = 0; i < 10'000; ++i) {
        tasks = new (kernel::heap.allocate(sizeof(kernel::Task))) kernel::Task{i, tasks};
    }
    auto* const gone = tasks;
    int count = 0;
    while (tasks != nullptr) {
        auto* const next = tasks->next;
        kernel::heap.free(tasks);
        tasks = next;
        ++count;
    }
    kernel::heap.free(gone);  // is reported
    std::printf("%d tasks, %llu bytes in use\n", count,
                static_cast<unsigned long long>(kernel::heap.statistics().in_use_bytes));
    return 0;
}
