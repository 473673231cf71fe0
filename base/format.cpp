#include "base/format.hpp"

#include <algorithm>

namespace quarry {
namespace {

void pad(TextSink sink, std::size_t used, FormatSpec spec) {
    constexpr std::string_view spaces = "                                ";
    constexpr std::string_view zeros = "00000000000000000000000000000000";
    if (spec.width > used) {
        sink((spec.zero ? zeros : spaces).substr(0, spec.width - used));
    }
}

}  // namespace

void format_text(TextSink sink, std::string_view text, FormatSpec spec) {
    if (!spec.left) {
        pad(sink, text.size(), spec);
    }
    sink(text);
    if (spec.left) {
        pad(sink, text.size(), spec);
    }
}

void format_unsigned(TextSink sink, std::uint64_t value, FormatSpec spec) {
    std::array<char, 24> digits{};
    auto const end = std::to_chars(digits.begin(), digits.end(), value, spec.hexadecimal ? 16 : 10);
    format_text(sink, {digits.data(), static_cast<std::size_t>(end.ptr - digits.data())}, spec);
}

void format_signed(TextSink sink, std::int64_t value, FormatSpec spec) {
    std::array<char, 24> digits{};
    auto const end = std::to_chars(digits.begin(), digits.end(), value, 10);
    format_text(sink, {digits.data(), static_cast<std::size_t>(end.ptr - digits.data())}, spec);
}

void format_arguments(TextSink sink, std::string_view format,
                      std::span<FormatArgument const> arguments) {
    for (auto const& argument : arguments) {
        auto const open = format.find('{');
        auto const close = format.find('}', open);
        if (close == std::string_view::npos) {
            break;
        }
        sink(format.substr(0, open));
        argument.print(sink, argument.value, parse_spec(format.substr(open + 1, close - open - 1)));
        format.remove_prefix(close + 1);
    }
    sink(format);
}

}  // namespace quarry
