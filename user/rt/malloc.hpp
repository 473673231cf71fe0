// The program's heap. `malloc`, `operator new` and std::pmr's default resource all come from it.
#pragma once

#include "heap/heap.hpp"
#include "user/rt/page_source.hpp"

#include <memory_resource>

namespace quarry {

using ProgramHeap = slab::Heap<QuarrySource>;
extern constinit ProgramHeap program_heap;

// The heap as a std::pmr resource.
std::pmr::memory_resource* heap_resource();

// Prints the heap's statistics.
void print_heap_statistics();

}  // namespace quarry
