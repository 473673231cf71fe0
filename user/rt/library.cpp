// What libc++'s headers expect its library to hold, as far as native programs can have it.
#include <charconv>
#include <cstddef>
#include <string>

template class std::basic_string<char>;
template std::string std::operator+
    <char, std::char_traits<char>, std::allocator<char>>(char const*, std::string const&);

namespace std {
inline namespace __1 {

// Bucket counts of unordered containers: the least prime that is not less than `n`.
size_t __next_prime(size_t n) {
    auto const is_prime = [](size_t candidate) {
        for (size_t divisor = 2; divisor * divisor <= candidate; ++divisor) {
            if (candidate % divisor == 0) {
                return false;
            }
        }
        return true;
    };
    n = n < 2 ? 2 : n;
    while (!is_prime(n)) {
        ++n;
    }
    return n;
}

namespace {
template <typename T>
string text_of(T value) {
    char text[24];
    return string(text, to_chars(text, text + sizeof(text), value).ptr);
}
}  // namespace

string to_string(int value) { return text_of(value); }
string to_string(unsigned value) { return text_of(value); }
string to_string(long value) { return text_of(value); }
string to_string(unsigned long value) { return text_of(value); }
string to_string(long long value) { return text_of(value); }
string to_string(unsigned long long value) { return text_of(value); }

}  // namespace __1
}  // namespace std
