// Memory that the server keeps back: programs take from the same account, and whatever they take, it must
// go on serving.
#pragma once

#include <cstdint>

namespace quarry::server {

// At the start: pages for the server's own heap when there are no others.
void take_reserve();
// After a request, when there may be memory again.
void refill_reserve();

// Whether wishes that would cost the server memory are to be refused (ENOMEM, ENOSPC).
bool memory_is_short();

// How many pages all files together may have: half of the memory, as tmpfs has it.
std::uint64_t most_file_pages();

}  // namespace quarry::server
