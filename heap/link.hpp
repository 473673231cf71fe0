// How free blocks are linked: a block's first word is what leads to the next one, encoded with a
// secret. So a free block is told from one in use (whose first word does not decode), and a link that
// a program wrote over is found before it is followed.
#pragma once

#include "heap/size_class.hpp"

#include <cstdint>

namespace slab {

// The word is block ^ next ^ key. All blocks of a list lie in one slab, which begins at a multiple of
// its size: so a step, block ^ next, is shorter than the longest slab. Behind the last block comes the
// slab's end mark, just so far away that the step to it is told from the others by one comparison.
class LinkKey {
  public:
    // Of a heap that is not set up yet: nothing decodes.
    constexpr LinkKey() = default;
    // The high bits are never zero: what a cleared word decodes to is no link.
    constexpr explicit LinkKey(std::uint64_t random) : key_(random | std::uint64_t{0x5ab} << 52) {}

    // What a block's first word says.
    [[gnu::always_inline]] std::uintptr_t step(std::uintptr_t block) const {
        return key_ ^ *reinterpret_cast<std::uintptr_t const*>(block);
    }
    [[gnu::always_inline]] void link(std::uintptr_t block, std::uintptr_t next) const {
        *reinterpret_cast<std::uintptr_t*>(block) = key_ ^ (block ^ next);
    }

    // For what else is to be told from what a program writes.
    std::uint64_t secret() const { return key_; }

    static constexpr std::uintptr_t reach = max_slab_bytes;
    static constexpr bool leads_on(std::uintptr_t step) { return step < reach; }
    static constexpr bool is_free(std::uintptr_t step) { return step < 2 * reach; }
    // Of a slab whose memory begins there.
    static constexpr std::uintptr_t end_mark(std::uintptr_t memory) { return memory ^ reach; }

  private:
    std::uintptr_t key_ = std::uintptr_t{0x5ab} << 52;
};

}  // namespace slab
