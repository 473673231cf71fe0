#include "arch/x86_64/apic.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/memory.hpp"
#include "arch/x86_64/traps.hpp"

#include <cstdint>

namespace quarry::x86 {
namespace {

// SDM volume 3A, section 10.4.1.
constexpr std::uint64_t apic_address = 0xfee0'0000;
constexpr std::uint32_t end_of_interrupt_register = 0xb0;
constexpr std::uint32_t spurious_register = 0xf0;
// Intel 82093AA I/O APIC, section 3.
constexpr std::uint64_t io_apic_address = 0xfec0'0000;
constexpr std::uint32_t serial_line = 4;

constinit std::uint64_t apic = 0;

void write(std::uint64_t address, std::uint32_t value) {
    *__builtin_bit_cast(std::uint32_t volatile*, address) = value;
}

void write_io_apic(std::uint64_t base, std::uint32_t index, std::uint32_t value) {
    write(base, index);
    write(base + 0x10, value);
}

void mask_legacy_controllers() {
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

}  // namespace

void initialise_apic() {
    mask_legacy_controllers();
    apic = map_device_page(PhysAddr{apic_address});
    auto const io_apic = map_device_page(PhysAddr{io_apic_address});
    write(apic + spurious_register, 0x100 | vector_spurious);
    constexpr std::uint32_t first_redirection = 0x10;
    write_io_apic(io_apic, first_redirection + 2 * serial_line + 1, 0);
    write_io_apic(io_apic, first_redirection + 2 * serial_line, vector_serial);
}

void end_of_interrupt() { write(apic + end_of_interrupt_register, 0); }

}  // namespace quarry::x86
