#include "arch/x86_64/apic.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/memory.hpp"
#include "arch/x86_64/traps.hpp"
#include "kernel/processor.hpp"
#include "machine/machine.hpp"

#include <algorithm>
#include <cstdint>

namespace quarry::x86 {
namespace {

// SDM volume 3A, section 10.4.1.
constexpr std::uint64_t apic_address = 0xfee0'0000;
constexpr std::uint32_t id_register = 0x20;
constexpr std::uint32_t end_of_interrupt_register = 0xb0;
constexpr std::uint32_t spurious_register = 0xf0;
constexpr std::uint32_t command_low = 0x300;
constexpr std::uint32_t command_high = 0x310;
constexpr std::uint32_t timer_vector_register = 0x320;
constexpr std::uint32_t timer_initial_count = 0x380;
constexpr std::uint32_t timer_current_count = 0x390;
constexpr std::uint32_t timer_divide = 0x3e0;
constexpr std::uint32_t divide_by_one = 0xb;
constexpr std::uint32_t delivery_pending = 1 << 12;
// Intel 82093AA I/O APIC, section 3.
constexpr std::uint64_t io_apic_address = 0xfec0'0000;
constexpr std::uint32_t serial_line = 4;

constinit std::uint64_t apic = 0;
constinit std::uint64_t timer_counts_a_millisecond = 0;

void write(std::uint64_t address, std::uint32_t value) {
    *__builtin_bit_cast(std::uint32_t volatile*, address) = value;
}
std::uint32_t read(std::uint64_t address) {
    return *__builtin_bit_cast(std::uint32_t volatile*, address);
}

void write_io_apic(std::uint64_t base, std::uint32_t index, std::uint32_t value) {
    write(base, index);
    write(base + 0x10, value);
}

void mask_legacy_controllers() {
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

void send(std::uint32_t apic_id, std::uint32_t command) {
    write(apic + command_high, apic_id << 24);
    write(apic + command_low, command);
    while ((read(apic + command_low) & delivery_pending) != 0) {
        asm volatile("pause");
    }
}

// Counts of the timer while the clock goes a tenth of a millisecond.
void calibrate_timer() {
    constexpr std::uint64_t nanoseconds = 100'000;
    auto const begin = machine::clock_nanoseconds();
    write(apic + timer_initial_count, ~0u);
    std::uint64_t elapsed = 0;
    while (elapsed < nanoseconds) {
        elapsed = machine::clock_nanoseconds() - begin;
    }
    std::uint64_t const counts = ~0u - read(apic + timer_current_count);
    write(apic + timer_initial_count, 0);
    timer_counts_a_millisecond = std::max<std::uint64_t>(counts * 1'000'000 / elapsed, 1);
}

}  // namespace

void initialise_apic() {
    mask_legacy_controllers();
    apic = map_device_page(PhysAddr{apic_address});
    auto const io_apic = map_device_page(PhysAddr{io_apic_address});
    initialise_local_apic();
    constexpr std::uint32_t first_redirection = 0x10;
    write_io_apic(io_apic, first_redirection + 2 * serial_line + 1, 0);
    write_io_apic(io_apic, first_redirection + 2 * serial_line, vector_serial);
}

void initialise_local_apic() {
    write(apic + spurious_register, 0x100 | vector_spurious);
    write(apic + timer_divide, divide_by_one);
    write(apic + timer_vector_register, vector_timer);
    this_processor().machine.apic_id = read(apic + id_register) >> 24;
}

void end_of_interrupt() { write(apic + end_of_interrupt_register, 0); }

void start_timer(std::uint64_t nanoseconds) {
    if (timer_counts_a_millisecond == 0) {
        calibrate_timer();
    }
    constexpr std::uint64_t most_nanoseconds = 1'000'000'000;  // then it is set again
    auto const counts =
        std::min(nanoseconds, most_nanoseconds) * timer_counts_a_millisecond / 1'000'000;
    write(apic + timer_initial_count,
          static_cast<std::uint32_t>(std::clamp<std::uint64_t>(counts, 1, ~0u)));
}

void stop_timer() { write(apic + timer_initial_count, 0); }

// SDM volume 3A, section 10.6.1: fixed delivery, and the INIT and start-up sequence of 8.4.4.
void send_interrupt(std::uint32_t apic_id, std::uint64_t vector) {
    send(apic_id, static_cast<std::uint32_t>(vector) | 0x4000);
}
void send_init(std::uint32_t apic_id) { send(apic_id, 0x4500); }
void send_startup(std::uint32_t apic_id, PhysPage code) {
    send(apic_id, 0x4600 | static_cast<std::uint32_t>(code.number()));
}

}  // namespace quarry::x86

namespace quarry::machine {

void interrupt_processor(Processor& processor) {
    x86::send_interrupt(processor.machine.apic_id, x86::vector_processor);
}

}  // namespace quarry::machine
