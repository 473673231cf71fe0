// What is mapped in this program, read from its own page tables (the self-map; abi/view.hpp).
#pragma once

#include "abi/view.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace quarry::walk {

using Entry =
    std::uint64_t;  // Intel SDM volume 3A, section 4.5; software bits as the kernel has them

inline constexpr Entry present = 1;
inline constexpr Entry writable = 2;
inline constexpr Entry huge = 1 << 7;
inline constexpr Entry may_write = 1ull << 52;
inline constexpr Entry may_execute = 1ull << 53;
inline constexpr Entry kernels_own = 1ull << 54;
inline constexpr Entry held = 1ull << 55;
inline constexpr Entry unlent = 1ull << 56;  // another space may take a lent page back any time
inline constexpr Entry no_execute = 1ull << 63;
inline constexpr Entry address_mask = 0x000f'ffff'ffff'f000;
// What two entries have in common when the same calls suit both.
inline constexpr Entry kind_bits = present | writable | huge | may_write | may_execute | held |
                                   unlent | no_execute | abi::permission::tag_mask;

inline Entry const volatile* entries_at(std::uint64_t address) {
    return reinterpret_cast<Entry const*>(address);
}

constexpr abi::Permissions permissions_of(Entry entry) {
    auto bits = entry & (present | writable | abi::permission::tag_mask);
    bits |= (entry & present) != 0 && (entry & no_execute) == 0 ? 4 : 0;
    bits |= (entry >> 49) & 0x18;  // may_write and may_execute to bits 3 and 4
    return {bits};
}

// The entry of the level 1 table for a page whose upper tables exist.
inline Entry directory_entry(std::uint64_t address) {
    return entries_at(abi::native_self_map.tables())[address >> 21];
}
inline bool is_huge(std::uint64_t address) { return (directory_entry(address) & huge) != 0; }
// The entry of a page that was just used, so that its tables exist.
inline Entry entry_of(std::uint64_t address) {
    auto const directory = directory_entry(address);
    return (directory & huge) != 0
               ? directory
               : entries_at(abi::native_self_map.pages())[address >> abi::page_shift];
}

// The entry of a page of which nothing is known; 0 if it is not mapped.
inline Entry find_entry(std::uint64_t address) {
    constexpr auto map = abi::native_self_map;
    if (entries_at(map.root())[address >> 39] == 0 ||
        entries_at(map.directories())[address >> 30] == 0) {
        return 0;
    }
    auto const directory = directory_entry(address);
    return directory == 0 || (directory & huge) != 0
               ? directory
               : entries_at(map.pages())[address >> abi::page_shift];
}

// Whether there is a table for a page.
inline bool has_table(std::uint64_t address) {
    constexpr auto map = abi::native_self_map;
    return entries_at(map.root())[address >> 39] != 0 &&
           entries_at(map.directories())[address >> 30] != 0 && directory_entry(address) != 0;
}
// Whether the table of these pages, which is there, maps others too.
bool has_others(std::uint64_t address, std::uint64_t pages);

inline bool is_mapped(std::uint64_t address) { return find_entry(address) != 0; }

struct Run {
    std::uint64_t address;
    std::uint64_t pages;
    Entry kind;
    abi::Permissions permissions() const { return permissions_of(kind); }
    bool is_lent() const { return (kind & unlent) == 0; }
};

// The 2 MiB regions from `from` on and below `top` in which something may be mapped, in ascending order,
// by their first address. Those of the kernel's own tables are passed over.
class Regions {
  public:
    explicit Regions(std::uint64_t top, std::uint64_t from = 0)
        : top_(top), next_(from & ~(abi::huge_bytes - 1)) {}
    std::optional<std::uint64_t> next();
    // Whether a table is there may have changed; the search goes on at the region of this address.
    void look_again(std::uint64_t from) {
        next_ = from & ~(abi::huge_bytes - 1);
        searched_ = ~std::uint64_t{0};
    }

  private:
    bool descend();
    std::size_t first_level() const;

    std::uint64_t top_;
    std::uint64_t next_;                          // address from which a region is looked for
    std::uint64_t searched_ = ~std::uint64_t{0};  // an address whose upper tables were found
};

// The mappings from `from` on and below `top`, in ascending order, as runs of equal kind within one table. Pages mapped
// while it goes on may be missed or seen.
class Runs {
  public:
    explicit Runs(std::uint64_t top, std::uint64_t from = 0) : regions_(top, from), begin_(from) {}
    std::optional<Run> next();
    // After pages of the last run were unmapped or moved: their table may be gone.
    void look_again();

  private:
    std::optional<Run> next_in_table();
    bool find_table();

    Regions regions_;
    std::uint64_t begin_;      // nothing below it counts
    std::uint64_t table_ = 0;  // of the table in hand, the address it maps first
    std::uint64_t index_ = abi::huge_pages;
};

}  // namespace quarry::walk
