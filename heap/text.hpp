// Text on its way to somewhere, gathered so that it goes in few parts, without allocating.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace slab {

// write(text) takes a part of at most 480 bytes.
template <typename Write>
class Text {
  public:
    explicit Text(Write write) : write_(write) {}
    ~Text() { flush(); }
    Text(Text const&) = delete;
    Text& operator=(Text const&) = delete;

    Text& operator<<(std::string_view text) {
        for (char const c : text) {
            if (used_ == buffer_.size()) {
                flush();
            }
            buffer_[used_++] = c;
        }
        return *this;
    }
    Text& operator<<(std::unsigned_integral auto number) { return digits(number, 10); }
    Text& hex(std::unsigned_integral auto number) { return *this << "0x", digits(number, 16); }

  private:
    Text& digits(std::unsigned_integral auto number, int base) {
        std::array<char, 24> text{};
        auto* const end = std::to_chars(text.data(), text.data() + text.size(), number, base).ptr;
        return *this << std::string_view(text.data(), static_cast<std::size_t>(end - text.data()));
    }
    void flush() {
        if (used_ != 0) {
            write_(std::string_view(buffer_.data(), used_));
            used_ = 0;
        }
    }

    Write write_;
    std::size_t used_ = 0;
    std::array<char, 480> buffer_{};
};

}  // namespace slab
