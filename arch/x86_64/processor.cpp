#include "arch/x86_64/processor.hpp"

#include "arch/x86_64/instructions.hpp"

extern "C" void syscall_entry();

namespace quarry::x86 {

constinit Processor boot_processor;

namespace {

// SDM volume 3A, section 3.4.5; the order makes `sysret` give 0x2b and 0x23 (STAR below).
constexpr std::uint64_t kernel_code = 0x00af9a000000ffff;
constexpr std::uint64_t kernel_data = 0x00cf92000000ffff;
constexpr std::uint64_t user_data = 0x00cff2000000ffff;
constexpr std::uint64_t user_code_execute_only = 0x00aff8000000ffff;

constexpr std::uint64_t flags_cleared_by_syscall = 0x200 | 0x40000 | 0x400 | 0x100 | 0x4000;

}  // namespace

void initialise_processor(Processor& processor) {
    auto& state = processor.machine;
    state.self = &processor;
    auto const tss = __builtin_bit_cast(std::uint64_t, &state.task_state);
    auto& gdt = state.gdt;
    gdt[1] = kernel_code;
    gdt[2] = kernel_data;
    gdt[4] = user_data;
    gdt[5] = user_code_execute_only;
    gdt[6] = (sizeof(machine::TaskState) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
             (tss >> 24 & 0xff) << 56;
    gdt[7] = tss >> 32;
    load_gdt({sizeof(gdt) - 1, __builtin_bit_cast(std::uint64_t, &gdt[0])});
    asm volatile(
        "mov %0, %%ss\n mov %1, %%ds\n mov %1, %%es\n mov %1, %%fs\n mov %1, %%gs\n ltr %w2"
        :
        : "r"(KERNEL_DATA_SELECTOR), "r"(0), "r"(TSS_SELECTOR));
    write_msr(msr::gs_base, __builtin_bit_cast(std::uint64_t, &processor));
    write_msr(msr::kernel_gs_base, 0);
    write_msr(msr::efer, read_msr(msr::efer) | 1);  // SYSCALL
    write_msr(msr::star, std::uint64_t{0x18 | 3} << 48 | std::uint64_t{KERNEL_CODE_SELECTOR} << 32);
    write_msr(msr::lstar, __builtin_bit_cast(std::uint64_t, &syscall_entry));
    write_msr(msr::sfmask, flags_cleared_by_syscall);
}

}  // namespace quarry::x86
