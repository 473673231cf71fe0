// Going to user mode, and what the machine interface needs around it.
#include "arch/x86_64/apic.hpp"
#include "arch/x86_64/panic.hpp"
#include "arch/x86_64/processor.hpp"
#include "arch/x86_64/vector_state.hpp"
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"

extern "C" {
[[noreturn]] void quarry_resume(quarry::machine::SavedState* saved);
bool quarry_user_copy(void* to, void const* from, std::size_t bytes);
using EntryTable = std::array<std::uint64_t, quarry::abi::call_table_slots>;
extern EntryTable const quarry_entry_table;
extern EntryTable const quarry_direct_entries;
extern EntryTable const quarry_plain_entries;
}

namespace quarry::machine {

void leave(Environment& environment) {
    auto& saved = environment.saved;
    // GS is the kernel's here; the program's base is where swapgs put it.
    asm volatile("rdfsbase %0\n swapgs\n rdgsbase %1\n swapgs"
                 : "=r"(saved.fs_base), "=r"(saved.gs_base));
    x86::save_vector_state(environment);
}

void enter(Environment& environment) {
    auto& saved = environment.saved;
    auto& state = this_processor()->machine;
    auto const end = __builtin_bit_cast(std::uint64_t, &saved.fs_base);  // what follows `ss`
    state.task_state.rsp[0] = end;
    asm volatile("wrfsbase %0\n swapgs\n wrgsbase %1\n swapgs"
                 :
                 : "r"(saved.fs_base), "r"(saved.gs_base));
    x86::restore_vector_state(environment);
    quarry_resume(&saved);
}

void switch_vectors(Environment& from, Environment& to) {
    x86::save_vector_state(from);
    x86::restore_vector_state(to);
}

void use_direct_entries(bool on) {
    for (std::size_t i = 0; i < quarry_entry_table.size(); ++i) {
        patch(&quarry_entry_table[i], (on ? quarry_direct_entries : quarry_plain_entries)[i]);
    }
}

void resume(Environment& environment) { quarry_resume(&environment.saved); }

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

void spin_pause() {
    asm volatile("pause");
    serve_mailbox();
}

void fail_check(char const* what) { x86::panic(what); }

}  // namespace quarry::machine
