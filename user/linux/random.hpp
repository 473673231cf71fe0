// Random bytes, other ones for each process.
#pragma once

#include <cstddef>
#include <span>

namespace quarry::libos {

void fill_random(std::span<std::byte> to);

}  // namespace quarry::libos
