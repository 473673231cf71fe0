// A foreign system call runs the program's entry with every register as it was, RCX and R11 as
// `syscall` left them; native calls go on as before, and without an entry it is ENOSYS.
#include "tests/guest/check.hpp"

extern "C" void foreign_entry();
asm(R"(
.text
.global foreign_entry
foreign_entry:              // rax = rax + rdi + r9 + rbx, and back to where it was called
    add %rdi, %rax
    add %r9, %rax
    add %rbx, %rax
    push %r11
    popf
    jmp *%rcx
)");

int main() {
    using namespace quarry;
    using namespace quarry::test;
    abi::Upcall upcall{};
    upcall.foreign_entry = reinterpret_cast<std::uint64_t>(&foreign_entry);
    check(env_set_upcall(own_env, {&upcall}).has_value(), "env_set_upcall");
    std::uint64_t result = 39;
    std::uint64_t flags = 0;
    register std::uint64_t r9 asm("r9") = 3000;
    asm volatile("mov $400, %%rbx\n stc\n syscall\n pushf\n pop %1"
                 : "+a"(result), "=r"(flags)
                 : "D"(std::uint64_t{20000}), "r"(r9)
                 : "rbx", "rcx", "r11", "memory", "cc");
    check(result == 39 + 20000 + 3000 + 400, "the entry saw the registers");
    check((flags & 1) != 0, "and the flags");
    check(env_self().has_value(), "a native call is the kernel's");
    upcall = {};
    check(env_set_upcall(own_env, {&upcall}).has_value(), "no entry any more");
    check(rt::raw_call(39) == ~std::uint64_t{38} + 1, "ENOSYS");
    return 0;
}
