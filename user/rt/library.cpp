// What libc++'s headers expect its library to hold, as far as native programs can have it.
#include <cstddef>
#include <string>

template class std::basic_string<char>;

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

}  // namespace __1
}  // namespace std
