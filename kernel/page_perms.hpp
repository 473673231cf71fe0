// What a page may be used for, as a value that cannot be wrong: never writable and executable at
// once, every right backed by its `may` bit. DESIGN.md, "Contracts: Permissions".
#pragma once

#include "abi/types.hpp"
#include "base/result.hpp"

#include <cstdint>

namespace quarry {

void a_page_cannot_be_writable_and_executable();  // named in the compile error, never defined

class PagePerms {
  public:
    // A constant that is wrong does not compile.
    static consteval PagePerms of(abi::Permissions constant) {
        auto const parsed = parse(constant.bits);
        if (!parsed) {
            a_page_cannot_be_writable_and_executable();
        }
        return *parsed;
    }

    // What a program sent. bad_argument for unknown bits, bad_permission for write with execute or
    // a right without read, which this machine cannot express.
    static constexpr Result<PagePerms> parse(std::uint64_t bits) {
        if ((bits & ~abi::permission::known_bits) != 0) {
            return Error::bad_argument;
        }
        bool const uses = (bits & (write_bit | execute_bit)) != 0;
        bool const both = (bits & write_bit) != 0 && (bits & execute_bit) != 0;
        if (both || (uses && (bits & read_bit) == 0)) {
            return Error::bad_permission;
        }
        return PagePerms{with_implied(bits)};
    }

    // What an entry of a page table says, which was made from permissions.
    static constexpr PagePerms of_mapping(std::uint64_t bits) { return PagePerms{bits}; }

    constexpr bool none() const { return !read(); }
    constexpr bool read() const { return has(read_bit); }
    constexpr bool write() const { return has(write_bit); }
    constexpr bool execute() const { return has(execute_bit); }
    constexpr bool may_write() const { return has(may_write_bit); }
    constexpr bool may_execute() const { return has(may_execute_bit); }
    constexpr std::uint64_t tag() const { return bits_ & abi::permission::tag_mask; }
    constexpr std::uint64_t bits() const { return bits_; }

    // Whether a mapping with these may be given `asked`'s rights (not its `may` bits).
    constexpr bool allows(PagePerms asked) const {
        return (!asked.write() || may_write()) && (!asked.execute() || may_execute());
    }
    // Whether `asked` has a `may` bit that these lack.
    constexpr bool lacks_bit_of(PagePerms asked) const {
        return ((asked.bits_ & ~bits_) & (may_write_bit | may_execute_bit)) != 0;
    }
    // `asked`, its `may` bits narrowed to these. Only where allows(asked).
    constexpr PagePerms narrowed_to(PagePerms asked) const {
        auto const may = bits_ & asked.bits_ & (may_write_bit | may_execute_bit);
        return PagePerms{(asked.bits_ & ~(may_write_bit | may_execute_bit)) | may};
    }
    // Those of these rights and bits that are in `mask`; the tag stays.
    constexpr PagePerms masked_by(PagePerms mask) const {
        auto kept = bits_ & mask.bits_ & ~abi::permission::tag_mask;
        if ((kept & read_bit) == 0) {
            kept &= ~(write_bit | execute_bit);
        }
        return PagePerms{kept | tag()};
    }

    // These with a tag's bits beside their own.
    constexpr PagePerms tagged(std::uint64_t tag) const {
        return PagePerms{bits_ | (tag & abi::permission::tag_mask)};
    }

    friend constexpr bool operator==(PagePerms, PagePerms) = default;

  private:
    static constexpr std::uint64_t read_bit = 1;
    static constexpr std::uint64_t write_bit = 2;
    static constexpr std::uint64_t execute_bit = 4;
    static constexpr std::uint64_t may_write_bit = 8;
    static constexpr std::uint64_t may_execute_bit = 16;

    static constexpr std::uint64_t with_implied(std::uint64_t bits) {
        return bits | (bits & (write_bit | execute_bit)) << 2;
    }
    constexpr explicit PagePerms(std::uint64_t bits) : bits_(bits) {}
    constexpr bool has(std::uint64_t bit) const { return (bits_ & bit) != 0; }

    std::uint64_t bits_;
};

}  // namespace quarry
