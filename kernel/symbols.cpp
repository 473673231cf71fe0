#include "kernel/symbols.hpp"

namespace quarry {
namespace {

// System V ABI, chapter 4: section header and symbol table entry of a 64-bit file.
struct Section {
    std::uint32_t name;
    std::uint32_t type;
    std::uint64_t flags;
    std::uint64_t address;
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint32_t link;
    std::uint32_t info;
    std::uint64_t alignment;
    std::uint64_t entry_bytes;
};
struct SymbolEntry {
    std::uint32_t name;
    std::uint8_t info;
    std::uint8_t other;
    std::uint16_t section;
    std::uint64_t value;
    std::uint64_t bytes;
};
constexpr std::uint32_t type_symbols = 2;
constexpr std::uint8_t type_function = 2;

std::optional<Section> section(Bytes elf, std::uint64_t index) {
    auto const headers = read_at<std::uint64_t>(elf, 40);
    auto const count = read_at<std::uint16_t>(elf, 60);
    if (!headers || !count || index >= *count || *headers > elf.size()) {
        return std::nullopt;
    }
    return read_at<Section>(elf, *headers + index * sizeof(Section));
}

std::optional<Symbol> search(Bytes symbols, Bytes names, std::uint64_t address) {
    for (std::size_t at = 0; at + sizeof(SymbolEntry) <= symbols.size();
         at += sizeof(SymbolEntry)) {
        auto const entry = read_at<SymbolEntry>(symbols, at);
        if ((entry->info & 0xf) != type_function || address < entry->value ||
            address - entry->value >= entry->bytes || entry->name >= names.size()) {
            continue;
        }
        auto const text = as_text(names.subspan(entry->name));
        return Symbol{text.substr(0, text.find('\0')), address - entry->value};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Symbol> find_symbol(Bytes elf, std::uint64_t address) {
    for (std::uint64_t i = 0;; ++i) {
        auto const table = section(elf, i);
        if (!table) {
            return std::nullopt;
        }
        if (table->type != type_symbols) {
            continue;
        }
        auto const strings = section(elf, table->link);
        auto const symbols = slice(elf, table->offset, table->bytes);
        auto const names = strings ? slice(elf, strings->offset, strings->bytes) : std::nullopt;
        return symbols && names ? search(*symbols, *names, address) : std::nullopt;
    }
}

}  // namespace quarry
