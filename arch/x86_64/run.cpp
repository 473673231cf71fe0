// Going to user mode, and what the machine interface needs around it.
#include "arch/x86_64/processor.hpp"
#include "arch/x86_64/vector_state.hpp"
#include "kernel/kernel.hpp"

extern "C" {
[[noreturn]] void quarry_resume(quarry::machine::SavedState* saved);
bool quarry_user_copy(void* to, void const* from, std::size_t bytes);
}

namespace quarry::machine {

void leave(Environment& environment) {
    asm volatile("rdfsbase %0" : "=r"(environment.saved.fs_base));
    environment.saved.gs_base = x86::read_msr(x86::msr::kernel_gs_base);
    x86::save_vector_state(environment);
}

void enter(Environment& environment) {
    auto& saved = environment.saved;
    auto& processor = x86::boot_processor;
    auto const end = __builtin_bit_cast(std::uint64_t, &saved.fs_base);  // what follows `ss`
    processor.frame_end = end;
    processor.task_state.rsp[0] = end;
    asm volatile("wrfsbase %0" : : "r"(saved.fs_base));
    x86::write_msr(x86::msr::kernel_gs_base, saved.gs_base);
    x86::restore_vector_state(environment);
    quarry_resume(&saved);
}

bool copy_in(std::span<std::byte> to, UserAddr from) {
    return !quarry_user_copy(to.data(), __builtin_bit_cast(void const*, from.raw()), to.size());
}

bool copy_out(UserAddr to, std::span<std::byte const> from) {
    return !quarry_user_copy(__builtin_bit_cast(void*, to.raw()), from.data(), from.size());
}

bool wait_for_interrupt() {
    x86::enable_interrupts_and_halt();
    return true;
}

}  // namespace quarry::machine
