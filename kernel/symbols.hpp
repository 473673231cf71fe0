// Names for addresses, from an ELF file's symbol table. Used only to say where something went
// wrong.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace quarry {

struct Symbol {
    std::string_view name;
    std::uint64_t offset = 0;  // of the address in the function
};

// The function in `elf` that covers `address`; nothing if the file has none or is malformed.
std::optional<Symbol> find_symbol(Bytes elf, std::uint64_t address);

}  // namespace quarry
