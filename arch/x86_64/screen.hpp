// Text on the screen: VGA text memory, or a framebuffer with a font. The same text as on the serial
// console.
#pragma once

#include "arch/x86_64/boot_info.hpp"

#include <string_view>

namespace quarry::x86 {

void screen_write(std::string_view text);

}  // namespace quarry::x86
