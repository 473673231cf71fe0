// Copies from and to the program's memory, whose pointers are allegations.
#include "user/linux/memory.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>

extern "C" {
std::size_t libos_user_copy(void* to, void const* from, std::size_t bytes);
bool libos_user_touch(std::uint64_t address);
std::int64_t libos_user_string(char* to, char const* from, std::size_t bytes);
}

namespace quarry::libos {

bool copy_in(void* to, std::uint64_t from, std::size_t bytes) {
    return from < user_top && bytes <= user_top - from &&
           libos_user_copy(to, reinterpret_cast<void const*>(from), bytes) == 0;
}

bool copy_out(std::uint64_t to, void const* from, std::size_t bytes) {
    return to < user_top && bytes <= user_top - to &&
           libos_user_copy(reinterpret_cast<void*>(to), from, bytes) == 0;
}

std::size_t copy_out_some(std::uint64_t to, void const* from, std::size_t bytes) {
    if (to >= user_top) {
        return 0;
    }
    auto const fits = std::min(bytes, user_top - to);
    return fits - libos_user_copy(reinterpret_cast<void*>(to), from, fits);
}

bool may_write(std::uint64_t address) { return address < user_top && !libos_user_touch(address); }

std::int64_t copy_in_string(char* to, std::uint64_t from, std::size_t bytes) {
    if (from >= user_top) {
        return -EFAULT;
    }
    return libos_user_string(to, reinterpret_cast<char const*>(from), bytes);
}

}  // namespace quarry::libos
