// What a hardened heap keeps in a block's last word: how many bytes were asked for, and by which function.
// Encoded with the heap's secret and the block's address, so that whatever else is written there is no tag.
#pragma once

#include "heap/freed.hpp"
#include "heap/link.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace slab {

struct Tag {
    std::size_t bytes = 0;
    Origin origin = Origin::none;  // none: the block is free
};
inline constexpr std::size_t tag_bytes = sizeof(std::uint64_t);

// Of a block of `block_bytes` at `block`.
class TagOf {
  public:
    TagOf(LinkKey const& key, std::uintptr_t block, std::size_t block_bytes)
        : word_(reinterpret_cast<std::uint64_t*>(block + block_bytes - tag_bytes)),
          mask_(std::rotl(key.secret(), 32) ^ block) {}

    // Another thread may look at it meanwhile, from the next block.
    void write(Tag tag) const {
        auto const word = std::uint64_t{mark} | std::uint64_t{tag.bytes} << bytes_shift |
                          static_cast<std::uint64_t>(tag.origin) << origin_shift;
        __atomic_store_n(word_, word ^ mask_, __ATOMIC_RELAXED);
    }
    // Nothing, if something else was written there.
    std::optional<Tag> read() const {
        auto const word = __atomic_load_n(word_, __ATOMIC_RELAXED) ^ mask_;
        if ((word & 0xffff) != mark || word >> (origin_shift + 2) != 0) {
            return std::nullopt;
        }
        return Tag{word >> bytes_shift & (small_limit * 2 - 1),
                   static_cast<Origin>(word >> origin_shift)};
    }

  private:
    // Both ends of the word have bits that are always the same: the first byte written from either side
    // shows.
    static constexpr std::uint32_t mark = 0x51ab;
    static constexpr unsigned bytes_shift = 16;
    static constexpr unsigned origin_shift = 32;

    std::uint64_t* word_;
    std::uint64_t mask_;
};

}  // namespace slab
