// A command line as its words.
#pragma once

#include "base/result.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quarry::monitor {

class Words {
  public:
    static constexpr std::size_t most = 6;

    explicit Words(std::string_view line) {
        while (count_ < most) {
            auto const begin = line.find_first_not_of(' ');
            if (begin == std::string_view::npos) {
                return;
            }
            line.remove_prefix(begin);
            words_[count_++] = line.substr(0, line.find(' '));
            line.remove_prefix(words_[count_ - 1].size());
        }
    }
    std::size_t count() const { return count_; }
    std::string_view operator[](std::size_t i) const { return i < count_ ? words_[i] : ""; }

    // A number in hexadecimal, with or without 0x; `otherwise` if the word is not there.
    Result<std::uint64_t> number(std::size_t i, std::uint64_t otherwise) const {
        auto text = (*this)[i];
        if (text.empty()) {
            return otherwise;
        }
        if (text.starts_with("0x")) {
            text.remove_prefix(2);
        }
        std::uint64_t value = 0;
        auto const* const end = text.end();
        if (auto const [at, error] = std::from_chars(text.begin(), end, value, 16);
            error != std::errc{} || at != end) {
            return Error::bad_argument;
        }
        return value;
    }

  private:
    std::array<std::string_view, most> words_{};
    std::size_t count_ = 0;
};

}  // namespace quarry::monitor
