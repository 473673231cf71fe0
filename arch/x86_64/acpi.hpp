// Which processors there are: ACPI's MADT (ACPI specification 6.5, sections 5.2.5 to 5.2.12).
#pragma once

#include "arch/x86_64/boot_info.hpp"

#include <array>
#include <cstdint>

namespace quarry::x86 {

struct ProcessorList {
    static constexpr std::size_t max = 64;
    std::array<std::uint32_t, max> apic_ids{};
    std::size_t count = 0;
    std::span<std::uint32_t const> ids() const { return std::span(apic_ids).first(count); }
};

// The APIC ids of the enabled processors, as the tables list them; empty without tables.
ProcessorList find_processors(BootInfo const& info);

}  // namespace quarry::x86
