// A fixed font of 5 by 7 dots, for framebuffers.
#pragma once

#include <cstddef>

namespace quarry::x86 {

inline constexpr std::size_t font_width = 8;
inline constexpr std::size_t font_height = 16;

// Whether the dot at column x, row y of the character's cell is set.
bool font_pixel(char c, std::size_t x, std::size_t y);

}  // namespace quarry::x86
