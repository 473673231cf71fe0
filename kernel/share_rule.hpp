// What page_share makes of a page's permissions, parsed: abi::ShareMode.
#pragma once

#include "kernel/page_perms.hpp"

namespace quarry {

class ShareRule {
  public:
    // bad_argument for unknown bits, bad_permission for rights that no page can have together.
    static constexpr Result<ShareRule> parse(std::uint64_t word) {
        if ((word & ~abi::ShareMode::known_bits) != 0) {
            return Error::bad_argument;
        }
        auto const keep = TRY(PagePerms::parse(word & ~abi::permission::tag_mask & 0xfff));
        return ShareRule{keep, word & abi::permission::tag_mask,
                         word >> abi::ShareMode::spare_shift & abi::permission::tag_mask};
    }

    constexpr PagePerms keep() const { return keep_; }
    constexpr std::uint64_t mark() const { return mark_; }
    constexpr std::uint64_t spare() const { return spare_; }

    // What a page with these has afterwards, at both places.
    constexpr PagePerms of(PagePerms now) const {
        auto const kept = now.masked_by(keep_);
        return kept == now || (now.tag() & spare_) != 0 ? now : kept.tagged(mark_);
    }

  private:
    constexpr ShareRule(PagePerms keep, std::uint64_t mark, std::uint64_t spare)
        : keep_(keep), mark_(mark), spare_(spare) {}
    PagePerms keep_;
    std::uint64_t mark_;   // as in permissions
    std::uint64_t spare_;  // as in permissions
};

}  // namespace quarry
