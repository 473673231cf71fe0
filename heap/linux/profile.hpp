// A heap profile by samples: SLAB_PROFILE=path writes one when the program ends, for pprof to read.
#pragma once

#include "heap/linux/threads.hpp"

#include <cstddef>
#include <cstdint>

namespace slab::hosted {

#pragma GCC visibility push(hidden)
// Bytes between samples, on average; 0: there are none.
extern constinit std::size_t sample_rate;

// What a thread's heap does when it has nothing at hand, with a sample now and then.
void* allocate_with_samples(ThreadHeap& heap, std::size_t bytes);

// The profile as it is now. 0, or what errno says.
int write_profile(char const* path);
// What is still in use, by class and by sample, for a program that ends.
void write_leaks(int file_descriptor);
#pragma GCC visibility pop

}  // namespace slab::hosted
