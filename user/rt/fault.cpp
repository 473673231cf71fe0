#include "user/rt/fault.hpp"

#include "user/rt/program.hpp"

#include <utility>

namespace quarry {
namespace {

constinit FaultHandler fault_handler = nullptr;
constinit InterruptHandler interrupt_handler = nullptr;
constinit bool main_is_prepared = false;

abi::Control& control_of_caller() {
    return *reinterpret_cast<abi::Control*>(abi::control_address(*env_self()));
}

// Without an upcall the kernel reports the fault, when the instruction is made again, and ends the
// program.
void give_up() {
    abi::Upcall const none{};
    (void)env_set_upcall(own_env, {&none});
}

void prepare_main() {
    if (!std::exchange(main_is_prepared, true) && !prepare_upcalls()) {
        fail("no memory for an upcall stack");
    }
}

}  // namespace

void set_fault_handler(FaultHandler handler) {
    fault_handler = handler;
    prepare_main();
}

void set_interrupt_handler(InterruptHandler handler) {
    interrupt_handler = handler;
    prepare_main();
}

namespace {

// With a page left free below as a guard.
abi::PageRange upcall_stack_at(std::uint64_t base) {
    constexpr std::uint64_t pages = 4;
    return {base + abi::page_bytes, pages};
}

}  // namespace

abi::PageRange upcall_stack_of(abi::EnvId env) {
    auto const slot = env.value & 0xffff;
    return upcall_stack_at(abi::upcall_stacks_base + slot * abi::upcall_stack_stride);
}

bool is_on_main_stack() {
    auto const here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
    return abi::stack_top - here < abi::stack_pages * abi::page_bytes;
}

abi::PageRange own_upcall_stack(abi::EnvId self) {
    return is_on_main_stack() ? upcall_stack_at(abi::main_upcall_stack) : upcall_stack_of(self);
}

Result<void> prepare_upcalls() {
    auto const stack = own_upcall_stack(*env_self());
    TRY(page_alloc(own_space, stack, abi::permission::write));
    return prepare_upcalls_of(
        own_env, {reinterpret_cast<std::byte*>(stack.address), stack.pages * abi::page_bytes});
}

extern "C" {
void quarry_upcall_entry();
[[gnu::weak]] void quarry_cow_entry();  // in programs that fork
}

Result<void> prepare_upcalls_of(abi::EnvId env, std::span<std::byte> stack) {
    auto* const entry = &quarry_cow_entry != nullptr ? &quarry_cow_entry : &quarry_upcall_entry;
    abi::Upcall const upcall{reinterpret_cast<std::uint64_t>(entry),
                             reinterpret_cast<std::uint64_t>(stack.data()), stack.size(), 0};
    TRY(env_set_upcall(env, {&upcall}));
    return {};
}

std::uint64_t set_interrupt_mask(std::uint64_t mask) {
    auto& control = control_of_caller();
    auto const old = __atomic_exchange_n(&control.mask, mask, __ATOMIC_SEQ_CST);
    // Bits that came while the mask was closed are posted again: to oneself, so they are taken now.
    if ((__atomic_load_n(&control.pending, __ATOMIC_SEQ_CST) & ~mask) != 0) {
        (void)env_interrupt(own_env, 0);
    }
    return old;
}

extern "C" void quarry_upcall(UpcallRegisters* registers) {
    auto& frame = registers->frame;
    if (frame.cause == abi::upcall_interrupt) {
        if (interrupt_handler != nullptr) {
            interrupt_handler(frame.address, *registers);
        }
        set_interrupt_mask(frame.error);
        return;
    }
    ProgramFault fault{*registers};
    if (fault_handler == nullptr || fault_handler(fault) == AfterFault::give_up) {
        give_up();
    }
}

// Set by the benchmark and by the library's own users of the light entry.
extern "C" {
void (*quarry_light_handler)(abi::UpcallFrame*) = nullptr;
}

}  // namespace quarry
