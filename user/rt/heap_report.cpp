// Prints what the program's heap holds.
#include "heap/text.hpp"
#include "user/rt/console.hpp"
#include "user/rt/malloc.hpp"
#include "user/rt/program.hpp"

#include <string_view>

namespace quarry {

slab::Statistics heap_statistics() {
    return program_heap.with([](ProgramHeap& heap) { return heap.statistics(); });
}

void release_heap() {
    program_heap.with([](ProgramHeap& heap) { heap.release(); });
}

namespace {

// The runner puts the file there when it is to draw the heap (tools/run.py --heapmap).
void dump_heap_if_asked() {
    if (!find_file("heapmap")) {
        return;
    }
    program_heap.with([](ProgramHeap& heap) {
        slab::Text text([](std::string_view part) { print("{}", part); });
        heap.dump_to(text);
    });
}

}  // namespace

void print_heap_statistics() {
    dump_heap_if_asked();
    auto const s = heap_statistics();
    print("heap: {} bytes in use\n", s.in_use_bytes);
    print("heap: holds {} KiB, of which {} KiB metadata\n", s.held_bytes / 1024,
          s.metadata_bytes / 1024);
    print("heap: {} pages taken in {} calls, {} returned in {} calls\n", s.pages_taken, s.commits,
          s.pages_returned, s.decommits);
    if (s.large_blocks != 0) {
        print("heap: {} large blocks, {} KiB\n", s.large_blocks, s.large_bytes / 1024);
    }
    print("    bytes   slabs   in use   room\n");
    for (std::size_t i = 0; i < slab::class_count; ++i) {
        auto const& c = s.classes[i];
        if (c.slabs != 0) {
            print("   {:6} {:7} {:8} {:6}\n", slab::class_bytes(i), c.slabs, c.blocks_in_use,
                  c.blocks_carved - c.blocks_in_use);
        }
    }
}

}  // namespace quarry
