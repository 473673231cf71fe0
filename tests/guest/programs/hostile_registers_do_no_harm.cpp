// The alignment-check flag and a GS base of the program's own are nothing to the kernel.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    std::uint64_t own_fs = 0;
    asm volatile("rdfsbase %0" : "=r"(own_fs));
    asm volatile("wrgsbase %0" : : "r"(0x1234567000ull));
    asm volatile("wrfsbase %0" : : "r"(0x7654321000ull));
    asm volatile("pushfq; orl $0x40000, (%%rsp); popfq" : : : "memory", "cc");
    check(env_self().has_value(), "a call with AC set");
    (void)yield();
    asm volatile("std");
    auto const id = space_self();
    asm volatile("cld");
    check(id.has_value(), "a call with DF set");
    std::uint64_t gs = 0;
    std::uint64_t fs = 0;
    asm volatile("rdgsbase %0" : "=r"(gs));
    asm volatile("rdfsbase %0" : "=r"(fs));
    asm volatile("wrfsbase %0" : : "r"(own_fs));  // the library's thread_local objects
    check(gs == 0x1234567000 && fs == 0x7654321000, "the bases survive calls and switches");
    return 0;
}
