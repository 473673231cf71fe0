// What a hardened heap keeps between the bytes that were asked for and the tag behind them, so that the first byte that
// is written there shows.
#pragma once

#include "heap/tag.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace slab {

// A word: behind the bytes, or as much of it as fits before the tag. Then its first bytes are the program's.
class Canary {
  public:
    [[gnu::always_inline]] Canary(TagKey const& key, std::uintptr_t block, std::size_t bytes,
                                  std::size_t block_bytes)
        : key_(key) {
        auto const last = block_bytes - tag_bytes - sizeof(std::uint64_t);
        auto const offset = std::min(bytes, last);
        word_ = reinterpret_cast<void*>(block + offset);
        mask_ = masks[bytes - offset];
    }
    [[gnu::always_inline]] bool is_whole() const { return ((read() ^ key_.canary) & mask_) == 0; }
    // Where there are zeros.
    [[gnu::always_inline]] void write() const {
        auto const word = read() | (key_.canary & mask_);
        std::memcpy(word_, &word, sizeof(word));
    }

  private:
    [[gnu::always_inline]] std::uint64_t read() const {
        std::uint64_t word = 0;
        std::memcpy(&word, word_, sizeof(word));
        return word;
    }

    // All of the word but its first bytes.
    static constexpr auto masks = [] {
        std::array<std::uint64_t, sizeof(std::uint64_t) + 1> all{};
        for (std::size_t bytes = 0; bytes < sizeof(std::uint64_t); ++bytes) {
            all[bytes] = ~std::uint64_t{0} << 8 * bytes;
        }
        return all;
    }();

    TagKey const& key_;
    void* word_;
    std::uint64_t mask_;
};

}  // namespace slab
