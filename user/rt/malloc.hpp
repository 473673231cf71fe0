// The program's heap. `malloc`, `operator new` and std::pmr's default resource all come from it.
#pragma once

#include "heap/heap.hpp"
#include "user/rt/page_source.hpp"

namespace quarry {

using ProgramHeap = slab::Heap<QuarrySource>;
extern constinit ProgramHeap program_heap;

// Prints the heap's statistics.
void print_heap_statistics();

}  // namespace quarry
