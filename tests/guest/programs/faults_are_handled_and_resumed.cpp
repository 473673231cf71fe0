// Demand paging: a fault handler gives a page where one is touched, and every register, the flags
// and the red zone are as they were.
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"

namespace {
using namespace quarry;
int faults = 0;

AfterFault give_a_page(ProgramFault& fault) {
    ++faults;
    if (!fault.is_page_fault() || fault.page() < test::free_area) {
        return AfterFault::give_up;
    }
    auto const given = page_alloc(own_space, {fault.page(), 1}, abi::permission::write);
    return given ? AfterFault::resume : AfterFault::give_up;
}

// Touches `address` with known values in all registers and in the red zone; 0 if all are kept.
std::uint64_t touch_with_known_registers(std::uint64_t address) {
    std::uint64_t wrong = 0;
    asm volatile(
        "mov $0x5a5a5a5a, %%rax\n mov %%rax, -8(%%rsp)\n mov %%rax, -128(%%rsp)\n"
        "mov $2, %%rbx\n mov $3, %%rcx\n mov $4, %%rdx\n mov $5, %%rsi\n mov $7, %%r8\n"
        "mov $8, %%r9\n mov $9, %%r10\n mov $10, %%r11\n mov $11, %%r12\n mov $12, %%r13\n"
        "mov $13, %%r14\n movq %%rax, %%xmm7\n stc\n"
        "movq $77, (%%rdi)\n"
        "jnc 1f\n cmp %%rax, -8(%%rsp)\n jne 1f\n cmp %%rax, -128(%%rsp)\n jne 1f\n"
        "cmp $2, %%rbx\n jne 1f\n cmp $3, %%rcx\n jne 1f\n cmp $4, %%rdx\n jne 1f\n"
        "cmp $5, %%rsi\n jne 1f\n cmp $7, %%r8\n jne 1f\n cmp $8, %%r9\n jne 1f\n"
        "cmp $9, %%r10\n jne 1f\n cmp $10, %%r11\n jne 1f\n cmp $11, %%r12\n jne 1f\n"
        "cmp $12, %%r13\n jne 1f\n cmp $13, %%r14\n jne 1f\n movq %%xmm7, %%rbx\n"
        "cmp %%rax, %%rbx\n jne 1f\n xor %%eax, %%eax\n jmp 2f\n1: mov $1, %%eax\n2:\n"
        : "=a"(wrong), "+D"(address)
        :
        : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "xmm7",
          "memory", "cc");
    return wrong;
}
}  // namespace

int main() {
    using namespace quarry::test;
    set_fault_handler(give_a_page);
    auto* const words = reinterpret_cast<std::uint64_t volatile*>(free_area);
    for (std::uint64_t i = 0; i < 100; ++i) {
        words[i * 512] = i;
    }
    check(faults == 100, "one fault a page");
    check(words[99 * 512] == 99, "what was written is there");
    check(touch_with_known_registers(free_area + (1u << 30)) == 0, "registers are kept");
    check(faults == 101, "by a fault");
    return 0;
}
