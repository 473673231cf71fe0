// Lines of the library OS's own on the console.
#pragma once

#include "base/format.hpp"
#include "user/rt/call.hpp"

#include <array>
#include <string_view>

namespace quarry::libos {

inline void say_text(std::string_view text) {
    while (!text.empty()) {
        auto const written = console_write({text.data(), text.size()});
        if (!written || *written == 0) {
            return;
        }
        text.remove_prefix(*written);
    }
}

// Collects a line, so that it is one call; more than the line holds is cut off.
class Line {
  public:
    void operator()(std::string_view text) {
        for (char const c : text) {
            if (used_ < text_.size()) {
                text_[used_++] = c;
            }
        }
    }
    std::string_view text() const { return {text_.data(), used_}; }

  private:
    std::array<char, abi::console_write_bytes> text_;
    std::size_t used_ = 0;
};

template <typename... Args>
void say(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
    Line line;
    format_to(line, format, args...);
    say_text(line.text());
}

}  // namespace quarry::libos
