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

// A decoded tag: a mark, the bytes, the origin, zeros. Both ends are always the same, so that the first byte
// that is written from either side shows.
class Tag {
  public:
    constexpr Tag() = default;  // of a free block
    constexpr Tag(std::size_t bytes, Origin origin)
        : word_(mark | std::uint64_t{bytes} << bytes_shift | bits_of(origin)) {}

    constexpr std::size_t bytes() const { return word_ >> bytes_shift & most_bytes; }
    constexpr Origin origin() const { return static_cast<Origin>(word_ >> origin_shift & 3); }
    constexpr bool is_tag() const {
        return (word_ & ~(most_bytes << bytes_shift | origin_bits)) == mark;
    }
    // A tag of a block in use, of that origin.
    constexpr bool is_of(Origin origin) const {
        return (word_ & ~(most_bytes << bytes_shift)) == (mark | bits_of(origin));
    }
    friend constexpr bool operator==(Tag, Tag) = default;

  private:
    friend class TagPlace;
    static constexpr std::uint64_t mark = 0x51ab;
    static constexpr unsigned bytes_shift = 16;
    static constexpr std::uint64_t most_bytes = 0xffff;
    static constexpr unsigned origin_shift = 32;
    static constexpr std::uint64_t origin_bits = std::uint64_t{3} << origin_shift;
    static constexpr std::uint64_t bits_of(Origin origin) {
        return static_cast<std::uint64_t>(origin) << origin_shift;
    }

    std::uint64_t word_ = mark;
};
static_assert(small_limit <= 0xffff);

// Where the tag of a block of `block_bytes` at `block` is. Another thread may look at it from the next block.
class TagPlace {
  public:
    TagPlace(LinkKey const& key, std::uintptr_t block, std::size_t block_bytes)
        : word_(reinterpret_cast<std::uint64_t*>(block + block_bytes - tag_bytes)),
          mask_(std::rotl(key.secret(), 32) ^ block) {}

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
