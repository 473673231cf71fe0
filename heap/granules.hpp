// What of a unit is in use where blocks of several sizes lie side by side: two bits for each of its granules, which
// are 16 bytes. Kept out of line, as all that the heap knows.
#pragma once

#include "heap/page_source.hpp"
#include "heap/size_class.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::uint32_t granules_a_unit = unit_bytes / quantum;
inline constexpr std::uint32_t granules_a_page = page_bytes / quantum;

class Granules {
  public:
    // Whether a block in use begins there.
    bool begins(std::uint32_t granule) const {
        auto const& word = words_[granule / 64];
        return (word.used & word.begins & bit(granule)) != 0;
    }
    // Whether it is of a block in use.
    bool is_used(std::uint32_t granule) const {
        return (words_[granule / 64].used & bit(granule)) != 0;
    }
    // How many granules the block has that begins there.
    std::uint32_t length(std::uint32_t first) const {
        auto const& word = words_[first / 64];
        auto const here =
            static_cast<std::uint32_t>(std::countr_one(word.inner() >> first % 64 | 1));
        return first % 64 + here == 64
                   ? here + static_cast<std::uint32_t>(std::countr_one(after(first).inner()))
                   : here;
    }
    // A block of at most 64 granules.
    void place(std::uint32_t first, std::uint32_t count) {
        words_[first / 64].begins |= bit(first);
        words_[first / 64].used |= ones(count) << first % 64;
        if (auto const end = first % 64 + count; end > 64) {
            words_[first / 64 + 1].used |= ones(end - 64);
        }
    }
    void remove(std::uint32_t first, std::uint32_t count) {
        words_[first / 64].begins &= ~bit(first);
        words_[first / 64].used &= ~(ones(count) << first % 64);
        if (auto const end = first % 64 + count; end > 64) {
            words_[first / 64 + 1].used &= ~ones(end - 64);
        }
    }
    // So many free ones in a row, at most 64, from one on: the first of them, or granules_a_unit. It is at a multiple of
    // the largest power of two that divides their number: aligned as a block of that size is in a slab.
    std::uint32_t find(std::uint32_t from, std::uint32_t count) const {
        auto const to_aligned = (count & -count) - 1;
        while (from < granules_a_unit) {
            auto const taken = words_[from / 64].taken() >> from % 64;
            from += static_cast<std::uint32_t>(std::countr_one(taken));
            if ((taken & 1) != 0) {
                continue;
            }
            auto const left = 64 - from % 64;
            auto found = std::min(static_cast<std::uint32_t>(std::countr_zero(taken)), left);
            if (found == left) {
                found += static_cast<std::uint32_t>(std::countr_zero(after(from).taken()));
            }
            if (auto const first = (from + to_aligned) & ~to_aligned;
                first + count <= from + found) {
                return first;
            }
            from += found;
        }
        return granules_a_unit;
    }
    // Calls visit(first, count) for each block in use.
    template <typename Visit>
    void for_each_block(Visit visit) const {
        for (std::uint32_t i = 0; i != granules_a_unit; ++i) {
            if (begins(i)) {
                visit(i, length(i));
            }
        }
    }

    bool is_page_free(std::uint32_t page) const {
        return std::all_of(words_of(page), words_of(page) + words_a_page,
                           [](Word const& word) { return word.taken() == 0; });
    }
    // Nobody gets anything of a free page any more.
    void bar_page(std::uint32_t page) {
        std::fill_n(words_.begin() + page * words_a_page, words_a_page,
                    Word{.begins = ~std::uint64_t{0}});
    }

  private:
    // Whether a granule is in use, and whether a block begins there; the second without the first: barred.
    struct Word {
        std::uint64_t used = 0;
        std::uint64_t begins = 0;
        std::uint64_t taken() const { return used | begins; }
        // What a block has behind its first one.
        std::uint64_t inner() const { return used & ~begins; }
    };
    static constexpr std::uint32_t words_a_page = granules_a_page / 64;

    static constexpr std::uint64_t bit(std::uint32_t granule) {
        return std::uint64_t{1} << granule % 64;
    }
    Word const* words_of(std::uint32_t page) const { return words_.data() + page * words_a_page; }
    static constexpr std::uint64_t ones(std::uint32_t count) {
        return ~std::uint64_t{0} >> (64 - count);
    }
    // The word after a granule's; behind the last one, one of which nobody gets anything.
    Word after(std::uint32_t granule) const {
        auto const next = granule / 64 + 1;
        return next != words_.size() ? words_[next] : Word{.begins = ~std::uint64_t{0}};
    }

    std::array<Word, granules_a_unit / 64> words_{};
};

}  // namespace slab
