// What the short ways through the page calls share: the caller's own space while nobody else uses
// it, the tables that it used last, and what a mode means for an entry.
#pragma once

#include "kernel/kernel.hpp"
#include "kernel/page_tables.hpp"
#include "machine/machine.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace quarry {

// The caller's space, locked, if nobody else has the lock or uses the space.
class OwnSpace {
  public:
    OwnSpace() NO_THREAD_SAFETY_ANALYSIS : space_(*machine::own_active_space()),
                                           lock_(*space_.lock),
                                           is_locked_(lock_.try_lock()) {}
    ~OwnSpace() NO_THREAD_SAFETY_ANALYSIS {
        if (is_locked_) {
            lock_.unlock();
        }
    }
    OwnSpace(OwnSpace const&) = delete;
    OwnSpace& operator=(OwnSpace const&) = delete;
    bool alone() const {
        if (!is_locked_) [[unlikely]] {
            return false;
        }
        return space_.active.is_single();
    }
    Space& space() const { return space_; }
    AccountIndex account() const { return space_.account(); }

    // The table of a page below the user top; null if there is none.
    LeafCache const* table(LeafRole role, std::uint64_t address) const {
        if (address % page_bytes != 0 || address >= space_.user_top().raw()) [[unlikely]] {
            return nullptr;
        }
        return space_.tables().leaf(role, UserPage::numbered(address >> page_shift));
    }
    // The table that is at hand. What it has is below the user top, which ends a table.
    LeafCache const& recent(LeafRole role) const { return space_.tables().recent_leaf(role); }

  private:
    Space& space_;
    SpinLock& lock_;
    bool const is_locked_;
};
static_assert(abi::jos_user_top % huge_bytes == 0 && abi::native_user_top % huge_bytes == 0 &&
              abi::self_map_user_top % huge_bytes == 0);

inline bool are_pages(std::uint64_t address, std::uint64_t other = 0) {
    return (address | other) % page_bytes == 0;
}

// What the five lowest bits of a mode mean, worked out beforehand. Of a mode that is not right a
// mapping would need bits that none has.
struct ModeBits {
    static constexpr std::uint64_t modes = 32;
    static constexpr std::uint64_t may_bits = Pte::may_write | Pte::may_execute;
    // Of a mapping that anything is done with.
    static constexpr std::uint64_t always_needed = Pte::present | Pte::unlent;
    // For new rights it may also be one without any, which is not present.
    static constexpr std::uint64_t not_needed_to_protect = Pte::present;

    // Those of a new entry; 0 for a mode that is not right.
    static std::uint64_t of(std::uint64_t mode);
    // Those that a mapping must have to get these.
    static std::uint64_t needed(std::uint64_t mode);
    static std::uint64_t needed_to_protect(std::uint64_t mode);
    // Of an entry, what a mapping made from it keeps, and what is added.
    static std::uint64_t narrow(std::uint64_t entry, std::uint64_t mode);

    using Table = std::array<std::uint64_t, modes>;
    template <typename Function>
    static consteval Table table_of(Function function) {
        Table table{};
        for (std::uint64_t mode = 0; mode < modes; ++mode) {
            table[mode] = function(Pte::bits_of_mode(mode));
        }
        return table;
    }
};
inline constexpr auto mode_needs = ModeBits::table_of([](std::uint64_t bits) {
    return bits == 0 ? ~std::uint64_t{0} : (bits & ModeBits::may_bits) | ModeBits::always_needed;
});
inline constexpr auto mode_needs_to_protect = [] {
    auto table = mode_needs;
    for (auto& needed : table) {
        needed &= ~ModeBits::not_needed_to_protect;
    }
    return table;
}();
inline constexpr auto mode_keeps = ModeBits::table_of(
    [](std::uint64_t bits) { return Pte::address_mask | (bits & ModeBits::may_bits); });
inline constexpr auto mode_adds =
    ModeBits::table_of([](std::uint64_t bits) { return bits & ~ModeBits::may_bits; });

inline std::uint64_t ModeBits::of(std::uint64_t mode) { return Pte::bits_of_mode(mode); }
inline std::uint64_t ModeBits::needed(std::uint64_t mode) { return mode_needs[mode & (modes - 1)]; }
inline std::uint64_t ModeBits::needed_to_protect(std::uint64_t mode) {
    return mode_needs_to_protect[mode & (modes - 1)];
}
inline std::uint64_t ModeBits::narrow(std::uint64_t entry, std::uint64_t mode) {
    return (entry & mode_keeps[mode & (modes - 1)]) | mode_adds[mode & (modes - 1)];
}

// Of the frame that an entry names.
inline FrameMeta& meta_of(Memory& memory, std::uint64_t entry) {
    return memory.frames.metas().of_entry(entry);
}

inline void add_live(LeafCache const& table, std::ptrdiff_t count) {
    *table.live = static_cast<std::uint16_t>(*table.live + count);
}

}  // namespace quarry
