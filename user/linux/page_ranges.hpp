// What calls take for ranges of pages.
#pragma once

#include "user/linux/layout.hpp"
#include "user/linux/mapping.hpp"

namespace quarry::libos {

constexpr std::uint64_t pages_up(std::uint64_t bytes) {
    return (bytes + page_bytes - 1) & ~(page_bytes - 1);
}
constexpr bool is_aligned(std::uint64_t address) { return address % page_bytes == 0; }

// Whether [address, address + bytes) is a piece of the program's address space; bytes not 0.
constexpr bool is_range(std::uint64_t address, std::uint64_t bytes) {
    return is_aligned(address) && bytes != 0 && bytes <= user_top && address <= user_top - bytes;
}

}  // namespace quarry::libos
