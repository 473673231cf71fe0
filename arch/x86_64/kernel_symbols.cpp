#include "arch/x86_64/kernel_symbols.hpp"

#include <cstddef>
#include <span>

// Ascending by address; the first pass links an empty table.
extern "C" {
struct KernelSymbolEntry {
    std::uint64_t address;
    char const* name;
};
[[gnu::weak]] extern KernelSymbolEntry const kernel_symbol_table[];
[[gnu::weak]] extern std::uint64_t const kernel_symbol_count;
}

namespace quarry::x86 {

Symbol kernel_symbol(std::uint64_t address) {
    Symbol found{"?", 0};
    if (&kernel_symbol_count == nullptr) {
        return found;
    }
    for (auto const& entry : std::span(kernel_symbol_table, kernel_symbol_count)) {
        if (entry.address > address) {
            break;
        }
        found = {entry.name, address - entry.address};
    }
    return found;
}

}  // namespace quarry::x86
