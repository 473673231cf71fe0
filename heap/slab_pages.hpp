// Which blocks and which pages of a slab are meant, and which blocks reach into which pages.
#pragma once

#include "heap/page_source.hpp"
#include "heap/size_class.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace slab {

// Where a slab's blocks and pages are to each other. Block 0 is the first one, page 0 the slab's first.
class SlabPages {
  public:
    SlabPages(std::uintptr_t memory, std::uintptr_t first_block, std::size_t block_bytes)
        : offset_(first_block - memory), block_bytes_(block_bytes) {}

    // The pages that a block reaches into.
    std::uint32_t pages_of(std::uint32_t block) const {
        auto const begin = offset_ + block * block_bytes_;
        auto const first = begin / page_bytes;
        auto const last = (begin + block_bytes_ - 1) / page_bytes;
        return bits_up_to(last + 1) & ~bits_up_to(first);
    }
    // The blocks that reach into a page: [first, last).
    std::uint32_t first_block_of(std::uint32_t page) const {
        auto const begin = page * page_bytes;
        return begin <= offset_ ? 0 : static_cast<std::uint32_t>((begin - offset_) / block_bytes_);
    }
    std::uint32_t last_block_of(std::uint32_t page, std::uint32_t count) const {
        auto const end = (page + 1) * page_bytes;
        auto const last = end <= offset_ ? 0 : (end - offset_ + block_bytes_ - 1) / block_bytes_;
        return std::min(static_cast<std::uint32_t>(last), count);
    }
    // Pages of which nothing lies beyond so many blocks.
    std::uint32_t whole_pages_of(std::uint32_t blocks) const {
        return bits_up_to((offset_ + blocks * block_bytes_) / page_bytes);
    }
    // How many of the first blocks reach into one of these pages.
    std::uint32_t blocks_in(std::uint32_t pages, std::uint32_t count) const {
        std::uint32_t blocks = 0;
        std::uint32_t next = 0;
        for (; pages != 0; pages &= pages - 1) {
            auto const page = static_cast<std::uint32_t>(std::countr_zero(pages));
            auto const first = std::max(next, first_block_of(page));
            next = std::max(next, last_block_of(page, count));
            blocks += next > first ? next - first : 0;
        }
        return blocks;
    }

  private:
    static std::uint32_t bits_up_to(std::size_t page) {
        return static_cast<std::uint32_t>((std::uint64_t{1} << page) - 1);
    }
    std::size_t offset_;
    std::size_t block_bytes_;
};
static_assert(max_slab_bytes / page_bytes <= 32);

// A bit for each block of a slab.
class BlockBits {
  public:
    void set(std::uint32_t block) {
        words_[block / 64] |= std::uint64_t{1} << block % 64;
        ++count_;
    }
    std::uint32_t count() const { return count_; }
    template <typename Visit>
    void for_each(Visit visit) const {
        for (std::uint32_t i = 0; i < words_.size(); ++i) {
            for_each_bit(words_[i], i * 64, visit);
        }
    }
    // Of the first `count`, those that are not set.
    template <typename Visit>
    void for_each_other(std::uint32_t count, Visit visit) const {
        for (std::uint32_t i = 0; i * 64 < count; ++i) {
            auto const left = count - i * 64;
            auto const mask = left < 64 ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
            for_each_bit(~words_[i] & mask, i * 64, visit);
        }
    }

  private:
    template <typename Visit>
    static void for_each_bit(std::uint64_t word, std::uint32_t base, Visit visit) {
        for (; word != 0; word &= word - 1) {
            visit(base + static_cast<std::uint32_t>(std::countr_zero(word)));
        }
    }
    std::array<std::uint64_t, unit_bytes / tiny_limit / 64> words_{};
    std::uint32_t count_ = 0;
};

}  // namespace slab
