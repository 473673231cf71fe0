// The one place outside arch/ and user/rt where memory is looked at as something else than it was
// declared as. All of it bounds-checked.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace quarry {

using Bytes = std::span<std::byte const>;

// `count` bytes from `offset` on, or nothing if they are not all there.
constexpr std::optional<Bytes> slice(Bytes bytes, std::size_t offset, std::size_t count) {
    if (offset > bytes.size() || count > bytes.size() - offset) {
        return std::nullopt;
    }
    return bytes.subspan(offset, count);
}

// A T copied out of the bytes at `offset`, whatever its alignment.
template <typename T>
    requires std::is_trivially_copyable_v<T>
std::optional<T> read_at(Bytes bytes, std::size_t offset) {
    auto const part = slice(bytes, offset, sizeof(T));
    if (!part) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, part->data(), sizeof(T));
    return value;
}

inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<std::byte const*>(text.data()), text.size()};
}

#pragma clang unsafe_buffer_usage begin
// The whole text as a number in `base`, or nothing.
template <typename T>
std::optional<T> parse_number(std::string_view text, int base) {
    T value{};
    auto const* const end = text.data() + text.size();
    auto const [stop, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return value;
}
#pragma clang unsafe_buffer_usage end

}  // namespace quarry
