// After a native call every register is preserved, zero, or what `syscall` put there.
#include "tests/guest/check.hpp"

#include <array>

int main() {
    using namespace quarry;
    using namespace quarry::test;
    std::array<std::uint64_t, 8> after{};
    std::uint64_t result = abi::EnvSelf::number;
    asm volatile(
        "mov $-1, %%rdi\n mov $-1, %%rsi\n mov $-1, %%rdx\n mov $-1, %%r8\n mov $-1, %%r9\n"
        "mov $-1, %%r10\n syscall\n"
        "mov %%rdi, 0(%1)\n mov %%rsi, 8(%1)\n mov %%rdx, 16(%1)\n mov %%r8, 24(%1)\n"
        "mov %%r9, 32(%1)\n mov %%r10, 40(%1)\n mov %%rcx, 48(%1)\n mov %%r11, 56(%1)\n"
        : "+a"(result)
        : "b"(after.data())
        : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory");
    for (unsigned i = 0; i < 6; ++i) {
        check(after[i] == 0, "an argument register is zero");
    }
    check(after[6] < abi::native_user_top, "rcx is the return address");
    check(static_cast<std::int64_t>(result) > 0, "the id came back");
    return 0;
}
