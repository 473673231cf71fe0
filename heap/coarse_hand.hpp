// The larger blocks that were freed last, a few of each class: of slabs that are full but for those. Blocks that come and
// go then change nothing about their slabs, and are still in a cache.
#pragma once

#include "heap/page_source.hpp"
#include "heap/size_class.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace slab {

// All zero while it is empty.
class CoarseHand {
  public:
    static constexpr std::uint32_t most = 4;

    // False if there are enough.
    bool put(std::size_t size_class, std::uintptr_t block) {
        auto& row = row_of(size_class);
        if (row.count == row.blocks.size()) {
            return false;
        }
        row.blocks[row.count++] = block;
        return true;
    }
    // The one that came last, of some.
    std::uintptr_t take_last(std::size_t size_class) {
        auto& row = row_of(size_class);
        return std::exchange(row.blocks.data()[--row.count], 0);
    }
    std::uint32_t count(std::size_t size_class) const { return row_of(size_class).count; }

    // How many are of the `bytes` bytes from `begin` on.
    std::uint32_t count_in(std::size_t size_class, std::uintptr_t begin, std::size_t bytes) const {
        std::uint32_t in = 0;
        for (auto const block : row_of(size_class).blocks) {
            in += block - begin < bytes ? 1 : 0;
        }
        return in;
    }
    // Those leave: visit(block).
    template <typename Visit>
    void remove_in(std::size_t size_class, std::uintptr_t begin, std::size_t bytes, Visit visit) {
        auto& row = row_of(size_class);
        auto const all = std::exchange(row, {});
        for (auto const block : all.blocks) {
            if (block - begin < bytes) {
                visit(block);
            } else if (block != 0) {
                row.blocks[row.count++] = block;
            }
        }
    }
    // Calls visit(block) for each.
    template <typename Visit>
    void for_each(std::size_t size_class, Visit visit) const {
        auto const& row = row_of(size_class);
        std::for_each_n(row.blocks.begin(), row.count, visit);
    }

  private:
    struct Row {
        std::array<std::uintptr_t, most> blocks{};  // 0 behind the last one
        std::uint32_t count = 0;
    };
    Row& row_of(std::size_t size_class) { return rows_.data()[size_class - fine_classes]; }
    Row const& row_of(std::size_t size_class) const {
        return rows_.data()[size_class - fine_classes];
    }

    std::array<Row, class_count - fine_classes> rows_{};
};
static_assert(sizeof(CoarseHand) <= page_bytes);

}  // namespace slab
