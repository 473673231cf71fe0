// A small text formatter over std::to_chars: `{}` prints a value, `{:x}` in hexadecimal, `{:8}`
// padded on the left to 8, `{:08x}` with zeros, `{:<8}` padded on the right. The number of braces
// is checked at compile time.
#pragma once

#include "abi/error.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace quarry {

// Where text goes. A reference to a callable, valid for the call only.
class TextSink {
  public:
    template <typename Write>
        requires std::invocable<Write&, std::string_view>
    // NOLINTNEXTLINE(google-explicit-constructor): a callable is a sink
    TextSink(Write& write)
        : object_(&write), write_([](void* object, std::string_view text) {
              (*static_cast<Write*>(object))(text);
          }) {}
    void operator()(std::string_view text) const { write_(object_, text); }

  private:
    void* object_;
    void (*write_)(void*, std::string_view);
};

struct FormatSpec {
    bool hexadecimal = false;
    bool zero = false;
    bool left = false;
    unsigned width = 0;
};

constexpr FormatSpec parse_spec(std::string_view text) {
    FormatSpec spec;
    for (char const c : text) {
        if (c == 'x') {
            spec.hexadecimal = true;
        } else if (c == '<') {
            spec.left = true;
        } else if (c == '0' && spec.width == 0) {
            spec.zero = true;
        } else if (c >= '0' && c <= '9') {
            spec.width = spec.width * 10 + static_cast<unsigned>(c - '0');
        }
    }
    return spec;
}

void format_text(TextSink sink, std::string_view text, FormatSpec spec);
void format_unsigned(TextSink sink, std::uint64_t value, FormatSpec spec);
void format_signed(TextSink sink, std::int64_t value, FormatSpec spec);

template <typename T>
void format_value(TextSink sink, T const& value, FormatSpec spec) {
    if constexpr (std::same_as<T, bool>) {
        format_text(sink, value ? "true" : "false", spec);
    } else if constexpr (std::same_as<T, char>) {
        format_text(sink, {&value, 1}, spec);
    } else if constexpr (std::same_as<T, abi::Error>) {
        format_text(sink, abi::name_of(value), spec);
    } else if constexpr (std::is_enum_v<T>) {
        format_unsigned(sink, static_cast<std::uint64_t>(value), spec);
    } else if constexpr (std::unsigned_integral<T>) {
        format_unsigned(sink, value, spec);
    } else if constexpr (std::signed_integral<T>) {
        format_signed(sink, value, spec);
    } else if constexpr (std::convertible_to<T const&, std::string_view>) {
        format_text(sink, value, spec);
    } else if constexpr (std::is_pointer_v<T>) {
        spec.hexadecimal = true;
        format_unsigned(sink, __builtin_bit_cast(std::uintptr_t, value), spec);
    } else if constexpr (requires { value.raw(); }) {  // addresses print themselves in hexadecimal
        spec.hexadecimal = true;
        format_text(sink, "0x", {});
        format_unsigned(sink, value.raw(), spec);
    } else {
        format_unsigned(sink, value.number(), spec);
    }
}

struct FormatArgument {
    void const* value;
    void (*print)(TextSink, void const*, FormatSpec);
};
void format_arguments(TextSink sink, std::string_view format,
                      std::span<FormatArgument const> arguments);

void format_has_wrong_number_of_arguments();  // named in the compile error, never defined

template <typename... Args>
struct FormatString {
    std::string_view text;

    // NOLINTNEXTLINE(google-explicit-constructor): a literal is meant to convert
    consteval FormatString(char const* literal) : text(literal) {
        std::size_t braces = 0;
        for (char const c : text) {
            braces += c == '{' ? 1 : 0;
        }
        if (braces != sizeof...(Args)) {
            format_has_wrong_number_of_arguments();
        }
    }
};

// Prints `format` to `sink` with its arguments. Callable anywhere; allocates nothing.
template <typename... Args>
void format_to(TextSink sink, FormatString<std::type_identity_t<Args>...> format,
               Args const&... args) {
    std::array<FormatArgument, sizeof...(Args) + 1> const list{
        FormatArgument{&args,
                       [](TextSink to, void const* value, FormatSpec spec) {
                           format_value(to, *static_cast<Args const*>(value), spec);
                       }}...,
        FormatArgument{nullptr, nullptr}};
    format_arguments(sink, format.text, std::span(list).first(sizeof...(Args)));
}

}  // namespace quarry
