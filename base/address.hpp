// Addresses that cannot be mixed. Arithmetic is by named operations that say what overflow does.
#pragma once

#include "abi/layout.hpp"
#include "base/result.hpp"

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace quarry {

using abi::huge_bytes;
using abi::huge_pages;
using abi::page_bytes;
using abi::page_shift;

// A 64-bit address of one kind. Any bit pattern is a value: what it must satisfy beyond that is the
// business of the page-aligned forms below.
template <typename Kind>
class Address {
  public:
    constexpr Address() = default;
    constexpr explicit Address(std::uint64_t raw) : raw_(raw) {}
    constexpr std::uint64_t raw() const { return raw_; }

    // `bytes` further on, or nothing if that wraps.
    constexpr Result<Address> checked_add(std::uint64_t bytes) const {
        std::uint64_t sum = 0;
        if (__builtin_add_overflow(raw_, bytes, &sum)) {
            return Error::bad_address;
        }
        return Address{sum};
    }
    constexpr bool is_aligned(std::size_t bytes) const { return (raw_ & (bytes - 1)) == 0; }

    friend constexpr auto operator<=>(Address, Address) = default;

  private:
    std::uint64_t raw_ = 0;
};

using PhysAddr = Address<struct PhysKind>;
using KernelAddr = Address<struct KernelKind>;
using UserAddr = Address<struct UserKind>;

// A page or frame number of one kind: always aligned, by construction.
template <typename Kind>
class Page {
  public:
    constexpr Page() = default;  // page 0
    static constexpr Page containing(Address<Kind> address) {
        return Page{address.raw() >> page_shift};
    }
    static constexpr Page numbered(std::uint64_t number) { return Page{number}; }
    constexpr std::uint64_t number() const { return number_; }
    constexpr Address<Kind> start() const { return Address<Kind>{number_ << page_shift}; }
    // Page numbers have 12 bits to spare, so adding a range's worth of pages cannot wrap.
    constexpr Page plus(std::size_t pages) const { return Page{number_ + pages}; }
    constexpr bool is_huge_aligned() const { return number_ % huge_pages == 0; }

    friend constexpr auto operator<=>(Page, Page) = default;

  private:
    constexpr explicit Page(std::uint64_t number) : number_(number) {}
    std::uint64_t number_ = 0;
};

using PhysPage = Page<PhysKind>;
using UserPage = Page<UserKind>;

constexpr std::uint64_t pages_for(std::uint64_t bytes) {
    return bytes / page_bytes + (bytes % page_bytes != 0 ? 1 : 0);
}

}  // namespace quarry
