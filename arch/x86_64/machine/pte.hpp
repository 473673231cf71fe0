// Page-table entries of x86-64's 4-level paging (Intel SDM volume 3A, section 4.5), with the
// software bits that Quarry keeps in them. An entry without the present bit that still names a
// frame is a mapping with permission *none*: it keeps frame, count and charge.
#pragma once

#include "base/address.hpp"
#include "kernel/frame_types.hpp"
#include "kernel/page_perms.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace quarry::machine {

// Level 0 tables hold 4 KiB mappings, level 1 tables 2 MiB ones or level 0 tables, and so on.
inline constexpr unsigned top_level = 3;
inline constexpr std::size_t entries_per_table = 512;

class Pte {
  public:
    static constexpr std::uint64_t present = 1;
    static constexpr std::uint64_t writable = 2;
    static constexpr std::uint64_t user = 4;
    static constexpr std::uint64_t write_through = 8;
    static constexpr std::uint64_t cache_disable = 16;
    static constexpr std::uint64_t page_size = 1 << 7;
    static constexpr std::uint64_t global = 1 << 8;
    static constexpr std::uint64_t address_mask = 0x000f'ffff'ffff'f000;
    static constexpr std::uint64_t may_write = 1ull << 52;
    static constexpr std::uint64_t may_execute = 1ull << 53;
    static constexpr std::uint64_t kernels_own = 1ull << 54;
    static constexpr std::uint64_t held = 1ull << 55;
    // The space may do with the mapping what its rights say. A lent one lacks it.
    static constexpr std::uint64_t unlent = 1ull << 56;
    static constexpr std::uint64_t no_execute = 1ull << 63;

    constexpr Pte() = default;

    static constexpr Pte table(TableFrame frame) {
        return Pte{frame.page().start().raw() | present | writable | user};
    }
    static constexpr Pte leaf(UserFrame frame, PagePerms perms, bool huge, bool lent = false) {
        auto const bits = bits_of(perms) & (lent ? ~unlent : ~std::uint64_t{0});
        return Pte{frame.page().start().raw() | bits | (huge ? page_size : 0)};
    }
    // A table that is not the space's to change: shared by all spaces, or its own root once more.
    // The program may read what is below, where the entries there let it.
    static constexpr Pte kernels_table(PhysPage table) {
        return Pte{table.start().raw() | present | user | no_execute | kernels_own};
    }
    // What `perms` are as bits of an entry.
    static constexpr std::uint64_t bits_of(PagePerms perms) {
        return bits_of_perms[perms.bits() & 31] | perms.tag();
    }
    // The same for the five lowest bits of a mode as programs send it; 0 if they are not good.
    static constexpr std::uint64_t bits_of_mode(std::uint64_t mode) {
        return bits_of_perms[mode & 31];
    }
    // Tables are read by processors while another changes them.
    static Pte load(Pte const& entry) {
        return Pte{__atomic_load_n(&entry.raw_, __ATOMIC_RELAXED)};
    }
    static void store(Pte& entry, Pte now) {
        __atomic_store_n(&entry.raw_, now.raw_, __ATOMIC_RELEASE);  // what it maps is filled before
    }
    // As a page walk reads: what the entry leads to is read after it.
    static Pte walk(Pte const& entry) {
        return Pte{__atomic_load_n(&entry.raw_, __ATOMIC_ACQUIRE)};
    }
    static constexpr Pte from_raw(std::uint64_t raw) { return Pte{raw}; }

    constexpr bool is_empty() const { return raw_ == 0; }
    constexpr bool is_present() const { return (raw_ & present) != 0; }
    constexpr bool is_huge() const { return (raw_ & page_size) != 0; }
    // A mapping, present or held; at level 0 every entry that is not empty.
    constexpr bool is_leaf(unsigned level) const {
        return !is_empty() && (level == 0 || is_huge());
    }
    constexpr bool is_table(unsigned level) const {
        return !is_empty() && level != 0 && (raw_ & (page_size | kernels_own)) == 0;
    }
    constexpr bool is_lent() const { return (raw_ & unlent) == 0; }  // of a leaf
    constexpr bool is_kernels() const { return (raw_ & kernels_own) != 0; }
    constexpr PhysPage frame() const { return PhysPage::containing(PhysAddr{raw_ & address_mask}); }

    // Of a leaf.
    constexpr UserFrame user_frame() const { return UserFrame{frame()}; }
    constexpr PagePerms perms() const {
        constexpr unsigned may_shift = 49;  // may_write and may_execute to bits 3 and 4
        std::uint64_t bits = (raw_ & abi::permission::tag_mask) | (raw_ >> may_shift & 0x18);
        bits |= raw_ & (present | writable);
        bits |= (~raw_ >> 63 & raw_ & present) << 2;
        return PagePerms::of_mapping(bits);
    }
    constexpr Pte with_perms(PagePerms perms) const { return leaf(user_frame(), perms, is_huge()); }
    constexpr std::uint64_t raw() const { return raw_; }

    // The `may` bits of an entry that allow what `perms` ask for and their own `may` bits.
    static constexpr std::uint64_t may_bits_of(PagePerms perms) {
        return bits_of(perms) & (may_write | may_execute);
    }

  private:
    static constexpr std::array<std::uint64_t, 32> bits_of_perms = [] {
        std::array<std::uint64_t, 32> table{};
        for (std::uint64_t bits = 0; bits < 32; ++bits) {
            if (auto const perms = PagePerms::parse(bits)) {
                table[bits] =
                    user | unlent | (perms->none() ? held : present) |
                    (perms->write() ? writable : 0) | (perms->execute() ? 0 : no_execute) |
                    (perms->may_write() ? may_write : 0) | (perms->may_execute() ? may_execute : 0);
            }
        }
        return table;
    }();
    constexpr explicit Pte(std::uint64_t raw) : raw_(raw) {}
    std::uint64_t raw_ = 0;
};
static_assert(sizeof(Pte) == 8);

}  // namespace quarry::machine
