// What the kernel knows about one 4 KiB frame, in 16 bytes. Set up when the frame is first handed
// out, so that boot does not grow with memory.
#pragma once

#include "base/address.hpp"
#include "machine/atomic.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace quarry {

enum class FrameKind : std::uint8_t {
    free = 0,
    user,    // a 4 KiB frame that programs map
    huge,    // the first of 512 frames that programs map as one
    table,   // a page table
    object,  // a space, an environment or something of the kernel's
};

// Index into the account table; 0 is nobody.
using AccountIndex = std::uint16_t;

// Who allocated a frame, how often that account's spaces map it and how often others do (the
// kernel's own references count as others). DESIGN.md, "Accounts". One word, changed atomically:
// spaces with different locks may map one frame. The owner's count is kept less one, signed, on
// top, so that the instruction that drops its last mapping says so in the sign flag.
class FrameCounts {
  public:
    constexpr explicit FrameCounts(std::uint64_t word) : word_(word) {}
    static constexpr FrameCounts owned(AccountIndex owner) { return FrameCounts{owner}; }
    static constexpr FrameCounts unmapped() { return FrameCounts{~std::uint64_t{0} << top_shift}; }

    constexpr std::uint64_t word() const { return word_; }
    constexpr bool has_owner() const { return static_cast<std::int64_t>(word_) >= 0; }
    constexpr AccountIndex owner() const {
        return has_owner() ? static_cast<AccountIndex>(word_) : AccountIndex{0};
    }
    constexpr std::uint64_t owner_mappings() const {
        return has_owner() ? (word_ >> top_shift) + 1 : 0;
    }
    constexpr std::uint64_t other_mappings() const {
        return word_ >> other_shift & ((1u << (top_shift - other_shift)) - 1);
    }
    constexpr std::uint64_t references() const { return owner_mappings() + other_mappings(); }
    // No mapping and no other reference.
    constexpr bool none() const {
        return (word_ & ~std::uint64_t{0xffff}) == unmapped().word_;  // whoever owned it last
    }
    constexpr bool sole() const { return references() == 1; }
    constexpr bool owned_by(AccountIndex account) const {
        return has_owner() && owner() == account;
    }

    static constexpr unsigned other_shift = 16;
    static constexpr unsigned top_shift = 40;
    static constexpr std::uint64_t one_owner = std::uint64_t{1} << top_shift;
    static constexpr std::uint32_t one_owner_above = one_owner >> 32;  // in the word's upper half
    static constexpr std::uint64_t one_other = std::uint64_t{1} << other_shift;
    // The owner's count is refused beyond this; every other mapping is paid for with a page, so
    // that their number stays below the machine's frames (at most 2^24, see max_frames).
    static constexpr std::uint64_t max_owner_mappings = (1u << 23) - 1024;

  private:
    std::uint64_t word_;
};

// Frames that the kernel manages at most: 64 GiB.
inline constexpr std::uint64_t max_frames = 1u << 24;

struct alignas(16) FrameMeta {
    std::atomic<std::uint64_t> counts;
    FrameKind kind;
    std::uint8_t unused;
    std::uint16_t live;  // of tables: entries in use
    std::uint32_t link;  // next in whichever list holds the frame

    // Whether the account is in the owner's place, where the last owner's name may stay: for frames
    // that the account maps.
    bool is_named(AccountIndex account) const { return machine::low_half_is(counts, account); }
    FrameCounts load() const { return FrameCounts{counts.load(std::memory_order_relaxed)}; }
    void reset(FrameKind now, FrameCounts initial) {
        counts.store(initial.word(), std::memory_order_relaxed);
        // The rest is one word, and one store.
        auto const rest = std::uint64_t{static_cast<std::uint8_t>(now)};
        __builtin_memcpy(&kind, &rest, sizeof(rest));
    }
};
static_assert(sizeof(FrameMeta) == 16 && offsetof(FrameMeta, kind) == 8);

}  // namespace quarry
