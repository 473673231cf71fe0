// Text on its way to a file descriptor, without allocating.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace slab::hosted {

// Writes all of it, or gives up.
void write_all(int file_descriptor, std::string_view text);

class Text {
  public:
    explicit Text(int file_descriptor) : file_descriptor_(file_descriptor) {}
    ~Text() { flush(); }
    Text(Text const&) = delete;
    Text& operator=(Text const&) = delete;

    Text& operator<<(std::string_view text) {
        if (text.size() > buffer_.size() - used_) {
            flush();
        }
        if (text.size() > buffer_.size()) {
            write_all(file_descriptor_, text);
            return *this;
        }
        std::memcpy(buffer_.data() + used_, text.data(), text.size());
        used_ += text.size();
        return *this;
    }
    Text& operator<<(std::unsigned_integral auto number) { return digits(number, 10); }
    Text& hex(std::unsigned_integral auto number) { return *this << "0x", digits(number, 16); }

  private:
    Text& digits(std::unsigned_integral auto number, int base) {
        std::array<char, 24> text{};
        auto const end = std::to_chars(text.data(), text.data() + text.size(), number, base).ptr;
        return *this << std::string_view(text.data(), static_cast<std::size_t>(end - text.data()));
    }
    void flush() {
        write_all(file_descriptor_, {buffer_.data(), used_});
        used_ = 0;
    }

    int file_descriptor_;
    std::size_t used_ = 0;
    std::array<char, 1024> buffer_{};
};

}  // namespace slab::hosted
