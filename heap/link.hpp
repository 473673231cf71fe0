// How free blocks are linked: a block's first word is what leads to the next one, encoded with a
// secret. So a free block is told from one in use (whose first word does not decode), and a link that
// a program wrote over is found before it is followed.
#pragma once

#include "heap/attributes.hpp"
#include "heap/size_class.hpp"

#include <cstdint>

namespace slab {

// Without checks (SLAB_CHECKS=0 for every part of a program) links are not encoded, blocks in use may look free, and
// a free is not asked whether it can be true: for programs that are known to be right, and for measuring.
#ifndef SLAB_CHECKS
#define SLAB_CHECKS 1
#endif
inline constexpr bool has_checks = SLAB_CHECKS != 0;

// The word is block ^ next ^ key ^ block * spread. All blocks of a list lie in one slab, which begins at a
// multiple of its size: so a step, block ^ next, is shorter than the longest slab. Behind the last block
// comes the slab's end mark, just so far away that the step to it is told from the others by one
// comparison.
//
// The product makes the word a link at its own address only. Memory that a program gets may have old
// links in it, from when it was cut otherwise, and a program may copy them, or parts of them, as padding:
// to the start of a block in use, which must not look free for it.
class LinkKey {
  public:
    // Of a heap that is not set up yet.
    constexpr LinkKey() = default;
    // For blocks in [begin, end). Words below 2^60 decode to no link there: zero, small numbers, addresses.
    constexpr LinkKey(std::uint64_t random, std::uintptr_t begin, std::uintptr_t end)
        : key_((random & ~(std::uint64_t{15} << top_shift)) | unused_top(begin, end) << top_shift) {
    }

    // What a block's first word says.
    [[gnu::always_inline]] std::uintptr_t step(std::uintptr_t block) const {
        return *reinterpret_cast<std::uintptr_t const*>(block) ^ mask(block);
    }
    // What it says when `next` follows.
    [[gnu::always_inline]] std::uintptr_t link_of(std::uintptr_t block, std::uintptr_t next) const {
        return mask(block) ^ block ^ next;
    }
    [[gnu::always_inline]] void link(std::uintptr_t block, std::uintptr_t next) const {
        *reinterpret_cast<std::uintptr_t*>(block) = link_of(block, next);
    }

    // For what else is to be told from what a program writes.
    constexpr std::uint64_t secret() const { return key_; }

    static constexpr std::uintptr_t reach = max_slab_bytes;
    static constexpr bool leads_on(std::uintptr_t step) { return step < reach; }
    static constexpr bool is_free(std::uintptr_t step) { return step < 2 * reach; }
    // Of a slab whose memory begins there.
    static constexpr std::uintptr_t end_mark(std::uintptr_t memory) { return memory ^ reach; }

  private:
    static constexpr unsigned top_shift = 60;
    // A little more than 2^24: blocks of 8 bytes differ beyond bit 27, and the products of a window of
    // 2^38 bytes in no more than six of the values that the top four bits can have.
    static constexpr std::uintptr_t spread = 0x10003d1;
    // Read while it is set, as a plain word, by threads that have no block yet: with either value they
    // see that they have none.
    SLAB_LOOKS_ON
    std::uintptr_t mask(std::uintptr_t block) const {
        return has_checks ? key_ ^ block * spread : 0;
    }
    // Top bits that no product in [begin, end) has.
    static constexpr std::uint64_t unused_top(std::uintptr_t begin, std::uintptr_t end) {
        auto const first = begin * spread >> top_shift;
        auto const count = (end - begin) * spread / (std::uint64_t{1} << top_shift) + 2;
        return (first + count) % 16;
    }

    std::uintptr_t key_ = 0;
};

}  // namespace slab
