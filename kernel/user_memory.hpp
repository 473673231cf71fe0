// What a program says about its own memory is an allegation until parsed here: into page spans
// below the space's user top, and buffers that can only be copied, once, in the direction their
// type says.
#pragma once

#include "abi/types.hpp"
#include "base/address.hpp"
#include "base/result.hpp"
#include "kernel/page_tables.hpp"
#include "machine/machine.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

namespace quarry {

// The end of the part of user space that an address lies in: the user top or, in the last slot, the
// end of where a library OS lies (abi/layout.hpp). Nothing for what is no program's. JOS's spaces
// have no such place.
constexpr std::optional<UserAddr> user_limit(UserAddr address, UserAddr top) {
    if (address < top) [[likely]] {
        return top;
    }
    bool const is_library = top.raw() >= abi::self_map_user_top &&
                            address.raw() >= abi::library_base && address.raw() < abi::user_end;
    return is_library ? std::optional{UserAddr{abi::user_end}} : std::nullopt;
}

// One page: aligned and the program's.
inline Result<UserPage> parse_user_page(std::uint64_t address, UserAddr top) {
    UserAddr const start{address};
    if (!start.is_aligned(page_bytes) || !user_limit(start, top)) {
        return Error::bad_address;
    }
    return UserPage::containing(start);
}

// 1 to 512 pages, aligned, the program's, not wrapping.
inline Result<PageSpan> parse_page_span(std::uint64_t address, std::uint64_t pages, UserAddr top) {
    auto const first = TRY(parse_user_page(address, top));
    if (pages == 0 || pages > abi::max_range_pages) {
        return Error::bad_range;
    }
    if (first.plus(pages).start() > *user_limit(first.start(), top)) {
        return Error::bad_address;
    }
    return PageSpan{first, pages};
}

// Bytes of the caller's memory, wholly in one part of what is the program's.
class UserBytes {
  public:
    static Result<UserBytes> parse(std::uint64_t address, std::uint64_t bytes, UserAddr top) {
        auto const end = UserAddr{address}.checked_add(bytes);
        if (!end) {
            return Error::bad_buffer;
        }
        // No bytes at all may lie at the very end.
        auto const limit = *end == top ? std::optional{top} : user_limit(UserAddr{address}, top);
        if (!limit || *end > *limit) {
            return Error::bad_buffer;
        }
        return UserBytes{UserAddr{address}, bytes};
    }
    UserAddr address() const { return address_; }
    std::size_t size() const { return bytes_; }

  protected:
    UserBytes(UserAddr address, std::size_t bytes) : address_(address), bytes_(bytes) {}
    UserAddr address_;
    std::size_t bytes_;
};

class UserSource : public UserBytes {
  public:
    explicit UserSource(UserBytes bytes) : UserBytes(bytes) {}
    // Copies the first part that fits `to`, at most once. bad_buffer if it cannot be read.
    Result<std::size_t> copy_to(std::span<std::byte> to) const {
        auto const count = to.size() < bytes_ ? to.size() : bytes_;
        if (!machine::copy_in(to.first(count), address_)) {
            return Error::bad_buffer;
        }
        return count;
    }
};

class UserTarget : public UserBytes {
  public:
    explicit UserTarget(UserBytes bytes) : UserBytes(bytes) {}
    // bad_buffer if it cannot be written; part of it may have been then.
    Result<void> copy_from(std::span<std::byte const> from) const {
        if (from.size() > bytes_ || !machine::copy_out(address_, from)) {
            return Error::bad_buffer;
        }
        return {};
    }
};

// One T in the caller's memory, which can be read once: what is checked is then what is used,
// though the program may change its memory in between. The compiler refuses a second read (Clang
// documentation, "Consumed annotation checking").
template <typename T>
    requires std::is_trivially_copyable_v<T>
class __attribute__((consumable(unconsumed))) UserIn {
  public:
    __attribute__((return_typestate(unconsumed))) explicit UserIn(UserBytes bytes)
        : source_(bytes) {}

    __attribute__((callable_when("unconsumed"), set_typestate(consumed))) Result<T> read() {
        T value;
        TRY(source_.copy_to(std::as_writable_bytes(std::span(&value, 1))));
        return value;
    }

  private:
    UserSource source_;
};

// The same, or nothing.
template <typename T>
class UserMaybe {
  public:
    UserMaybe(bool given, UserBytes bytes) : given_(given), bytes_(bytes) {}
    bool given() const { return given_; }
    Result<T> read() const { return UserIn<T>{bytes_}.read(); }

  private:
    bool given_;
    UserBytes bytes_;
};

// An aligned 32-bit word.
class UserWord {
  public:
    static Result<UserWord> parse(std::uint64_t address, UserAddr top) {
        if (address % sizeof(std::uint32_t) != 0) {
            return Error::bad_address;
        }
        return UserWord{address, TRY(UserBytes::parse(address, sizeof(std::uint32_t), top))};
    }
    std::uint64_t address() const { return address_; }
    UserIn<std::uint32_t> memory() const { return UserIn<std::uint32_t>{bytes_}; }

  private:
    UserWord(std::uint64_t address, UserBytes bytes) : address_(address), bytes_(bytes) {}
    std::uint64_t address_;
    UserBytes bytes_;
};

template <typename T>
    requires std::is_trivially_copyable_v<T>
class UserOut {
  public:
    explicit UserOut(UserBytes bytes) : target_(bytes) {}
    Result<void> write(T const& value) const {
        return target_.copy_from(std::as_bytes(std::span(&value, 1)));
    }

  private:
    UserTarget target_;
};

}  // namespace quarry
