// Console output and input for native programs.
#pragma once

#include "base/format.hpp"
#include "user/rt/call.hpp"

#include <span>
#include <string_view>

namespace quarry {

// Writes all of it, in as many calls as that takes. Console output is buffered by nobody.
void write_text(std::string_view text);

// Prints with base/format.hpp's `{}`. Collects the text first, so a line is one call.
template <typename... Args>
void print(FormatString<std::type_identity_t<Args>...> format, Args const&... args);

// Reads what was typed; waits for at least one key.
Result<std::size_t> read_keys(std::span<char> to);

// Collects small pieces of text into few calls.
class PrintBuffer {
  public:
    PrintBuffer() = default;
    PrintBuffer(PrintBuffer const&) = delete;
    PrintBuffer& operator=(PrintBuffer const&) = delete;
    ~PrintBuffer() { flush(); }
    void operator()(std::string_view text) {
        for (char const c : text) {
            if (used_ == text_.size()) {
                flush();
            }
            text_[used_++] = c;
        }
    }
    void flush() {
        write_text({text_.data(), used_});
        used_ = 0;
    }

  private:
    std::array<char, 512> text_;
    std::size_t used_ = 0;
};

template <typename... Args>
void print(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
    PrintBuffer buffer;
    format_to(buffer, format, args...);
}

}  // namespace quarry
