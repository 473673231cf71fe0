// Blocks by address, in a table of fixed size.
#pragma once

#include "heap/page_source.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab::hosted {

// Open addressing with linear probing; what follows a removed entry moves up, so that a search ends at
// the first empty one (Knuth, volume 3, section 6.4, algorithm R). Untouched, it costs nothing.
template <unsigned capacity_bits>
class BlockTable {
  public:
    struct Entry {
        std::uintptr_t address;
        std::size_t bytes;
    };

    // The entry of this address, or the empty one where it would go.
    Entry* find(std::uintptr_t address) {
        auto at = home_of(address);
        while (entries_[at].address != 0 && entries_[at].address != address) {
            at = next(at);
        }
        return &entries_[at];
    }
    bool is_full() const { return count_ == capacity / 4 * 3; }
    void add(Entry entry) {
        *find(entry.address) = entry;
        ++count_;
    }
    void remove(Entry* entry) {
        auto hole = static_cast<std::size_t>(entry - entries_.data());
        for (auto at = next(hole); entries_[at].address != 0; at = next(at)) {
            auto const home = home_of(entries_[at].address);
            bool const reaches = (at - home) % capacity >= (at - hole) % capacity;
            if (reaches) {
                entries_[hole] = entries_[at];
                hole = at;
            }
        }
        entries_[hole] = {};
        --count_;
    }

  private:
    static constexpr std::size_t capacity = std::size_t{1} << capacity_bits;
    // Fibonacci hashing (Knuth, volume 3, section 6.4).
    static std::size_t home_of(std::uintptr_t address) {
        return (address / page_bytes * 0x9e37'79b9'7f4a'7c15) >> (64 - capacity_bits);
    }
    static std::size_t next(std::size_t at) { return (at + 1) % capacity; }

    std::array<Entry, capacity> entries_{};
    std::size_t count_ = 0;
};

}  // namespace slab::hosted
