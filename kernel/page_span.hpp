// `count` pages of user space, checked by whoever made it (kernel/user_memory.hpp).
#pragma once

#include "base/address.hpp"

#include <cstddef>

namespace quarry {

struct PageSpan {
    UserPage first;
    std::size_t count = 0;
    constexpr UserPage page(std::size_t index) const { return first.plus(index); }
    constexpr bool is_one_huge() const { return first.is_huge_aligned() && count == huge_pages; }
    // Whether one level 0 table covers all of it; if not, two do.
    constexpr bool in_one_region() const {
        return first.number() / huge_pages == page(count - 1).number() / huge_pages;
    }
    constexpr bool contains(PageSpan other) const {
        return first <= other.first && other.first.plus(other.count) <= first.plus(count);
    }
    constexpr bool overlaps(PageSpan other) const {
        return first < other.first.plus(other.count) && other.first < first.plus(count);
    }
};

}  // namespace quarry
