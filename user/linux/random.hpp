// Random bytes, of the processor's source.
#pragma once

#include <cstddef>

namespace quarry::libos {

void fill_random(std::byte* to, std::size_t bytes);

}  // namespace quarry::libos
