// What a hardened heap keeps in a block's last word: how many bytes were asked for, and by which function.
// Encoded with the heap's secret and the block's address, so that whatever else is written there is no tag.
#pragma once

#include "heap/freed.hpp"
#include "heap/link.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t tag_bytes = sizeof(std::uint64_t);

// A decoded tag: zeros, the bytes, the origin, zeros. Both ends are always the same, so that the first byte
// that is written from either side shows.
class Tag {
  public:
    constexpr Tag() = default;  // of a free block
    constexpr Tag(std::size_t bytes, Origin origin)
        : word_((bytes | std::uint64_t{static_cast<unsigned char>(origin)} << bytes_bits)
                << zero_bits) {}

    constexpr std::size_t bytes() const { return content() & most_bytes; }
    constexpr Origin origin() const { return static_cast<Origin>(content() >> bytes_bits & 3); }
    constexpr bool is_tag() const { return content() >> (bytes_bits + origin_bits) == 0; }
    // The bytes of a block in use, of that origin; of any other word, more than a tag can say.
    constexpr std::size_t bytes_if_of(Origin origin) const {
        return content() - (std::uint64_t{static_cast<unsigned char>(origin)} << bytes_bits);
    }
    friend constexpr bool operator==(Tag, Tag) = default;

  private:
    friend class TagPlace;
    static constexpr unsigned zero_bits = 16;
    static constexpr unsigned bytes_bits = 16;
    static constexpr unsigned origin_bits = 2;
    static constexpr std::uint64_t most_bytes = (std::uint64_t{1} << bytes_bits) - 1;

    // Of a tag the bytes and the origin, with zeros above. Of anything else there are no zeros.
    constexpr std::uint64_t content() const { return std::rotr(word_, zero_bits); }

    std::uint64_t word_ = 0;
};
static_assert(small_limit <= 0xffff);

// What a heap's tags and canaries are made of.
struct TagKey {
    constexpr TagKey() = default;
    constexpr explicit TagKey(LinkKey const& key)
        : secret(std::rotl(key.secret(), 32) | 1), canary(key.secret() | 0x0101'0101'0101'0101) {}

    // No byte of a canary is what ends a string, nor is the first one of a tag: blocks are at multiples of 16.
    std::uint64_t secret = 0;
    std::uint64_t canary = 0;
};

// Where the tag of a block of `block_bytes` at `block` is. Another thread may look at it from the next block.
class TagPlace {
  public:
    TagPlace(TagKey const& key, std::uintptr_t block, std::size_t block_bytes)
        : word_(reinterpret_cast<std::uint64_t*>(block + block_bytes - tag_bytes)),
          mask_(key.secret ^ block) {}

    void write(Tag tag) const { __atomic_store_n(word_, tag.word_ ^ mask_, __ATOMIC_RELAXED); }
    // What the word is with that tag.
    std::uint64_t word_of(Tag tag) const { return tag.word_ ^ mask_; }
    Tag read() const {
        Tag tag;
        tag.word_ = __atomic_load_n(word_, __ATOMIC_RELAXED) ^ mask_;
        return tag;
    }

  private:
    std::uint64_t* word_;
    std::uint64_t mask_;
};

}  // namespace slab
