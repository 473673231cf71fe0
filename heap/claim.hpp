// Whose slab it is, and where its blocks begin, in one word: a free asks both with an addition of that word and one
// comparison.
//
// What is asked of an address is a number, modulo 2^64: how far it is behind the slab's end times a reciprocal of the block
// size, and the caller's name less the owner's. The first is zero or little below it at a multiple of the size, and far from
// zero elsewhere (see reciprocal()); the second is zero, or larger than all that is little. The claim holds what the slab
// knows of that: its end and its owner.
//
// A pointer to no block can be taken for one only in a slab of another thread's, and only if what the two names differ
// by is just what the product lacks: about one in 2^45 of such mistakes.
#pragma once

#include "heap/link.hpp"
#include "heap/size_class.hpp"

#include <atomic>
#include <cstdint>

namespace slab {

// Who may take from a slab and give to it without telling others; 0 is nobody. Two that live at once differ by
// 2^18 or more, modulo 2^64.
using Owner = std::uint64_t;

class Claim {
  public:
    // Of what is no slab: nothing is a block there.
    constexpr Claim() = default;
    constexpr Claim(Owner owner, std::uintptr_t slab_end, std::uint64_t reciprocal)
        : word_(-owner - slack - product(slab_end, reciprocal)) {}
    // Others may ask meanwhile: they are told what was, or what is.
    void set(Claim claim) { std::atomic_ref(word_).store(claim.word_, std::memory_order_relaxed); }

    // Whether a block begins at that address, and its slab is the caller's; without checks, only that. plus_self(n, word)
    // is the sum of both and the caller's name, and a little more if it likes: less than the slack.
    template <typename PlusSelf>
    [[gnu::always_inline]] bool is_for(std::uintptr_t address, std::uint64_t reciprocal,
                                       PlusSelf plus_self) const {
        return plus_self(product(address, reciprocal), word_) >= -(most_of_multiple + slack);
    }

  private:
    static constexpr std::uint64_t slack = std::uint64_t{1} << 16;

    [[gnu::always_inline]] static constexpr std::uint64_t product(std::uintptr_t address,
                                                                  std::uint64_t reciprocal) {
        return has_checks ? address * reciprocal : 0;
    }

    std::uint64_t word_ = 0;
};

}  // namespace slab
