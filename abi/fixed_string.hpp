// A string literal as a template argument.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace quarry::abi {

template <std::size_t N>
struct FixedString {
    std::array<char, N> text{};

    // NOLINTNEXTLINE(google-explicit-constructor): a literal is meant to convert
    consteval FixedString(char const (&literal)[N]) { std::copy_n(literal, N, text.data()); }
    constexpr std::string_view view() const { return {text.data(), N - 1}; }
};

}  // namespace quarry::abi
