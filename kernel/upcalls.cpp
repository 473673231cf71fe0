// Asynchronous upcalls. Faults and foreign calls reach the program from entry code
// (arch/x86_64/entry.S); this is the same frame for interrupt bits.
#include "abi/upcall.hpp"

#include "kernel/diagnostics.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

namespace quarry {

// Where the frame goes: DESIGN.md, "Upcalls". Nothing if the stack has no room.
std::optional<std::uint64_t> Kernel::upcall_frame_address(Environment const& environment) {
    auto const& upcall = environment.upcall;
    auto const rsp = environment.saved.rsp;
    bool const within = rsp - upcall.stack < upcall.stack_bytes;
    auto const top = within ? rsp - abi::red_zone_bytes : upcall.stack + upcall.stack_bytes;
    auto const room = static_cast<std::int64_t>(top - upcall.stack);
    if (room < static_cast<std::int64_t>(sizeof(abi::UpcallFrame))) {
        return std::nullopt;
    }
    return (top - sizeof(abi::UpcallFrame)) & ~std::uint64_t{15};
}

bool Kernel::has_upcall_room(Environment const& environment) {
    return upcall_frame_address(environment).has_value();
}

bool Kernel::push_upcall(Environment& environment, std::uint64_t cause, std::uint64_t error,
                         std::uint64_t address) {
    auto& saved = environment.saved;
    auto const at = upcall_frame_address(environment);
    abi::UpcallFrame const frame{address,  cause,        error,     saved.rip,
                                 saved.cs, saved.rflags, saved.rsp, saved.ss};
    if (!at || !machine::copy_out(UserAddr{*at}, std::as_bytes(std::span(&frame, 1)))) {
        return false;
    }
    saved.enter_upcall(environment.upcall_entry(), *at);
    return true;
}

bool Kernel::take_interrupt(Environment& environment) {
    auto const bits = deliverable(environment);
    if (bits == 0 || environment.upcall_entry() == 0) {
        return true;
    }
    auto& mask = environment.control->mask;
    auto const old_mask = __atomic_load_n(&mask, __ATOMIC_RELAXED);
    if (!push_upcall(environment, abi::upcall_interrupt, old_mask, bits)) {
        report_fault(*this, environment,
                     {.vector = abi::upcall_interrupt,
                      .address = environment.upcall.stack,
                      .name = "interrupt upcall",
                      .detail = has_upcall_room(environment) ? "its stack is not writable"
                                                             : "its stack is full"});
        return false;
    }
    environment.pending.fetch_and(~bits);
    __atomic_fetch_and(&environment.control->pending, ~bits, __ATOMIC_RELAXED);
    __atomic_store_n(&mask, ~std::uint64_t{0}, __ATOMIC_RELAXED);
    return true;
}

void Kernel::leave_call() {
    auto& self = this_processor();
    if (must_switch()) {
        reschedule();
        return;
    }
    auto& environment = *self.current;
    if (!take_interrupt(environment)) {
        end_current({.cause = abi::EndCause::fault, .fault_vector = abi::upcall_interrupt});
        return;
    }
    machine::resume(environment);
}

}  // namespace quarry
