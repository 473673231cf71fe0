// What the boot protocol says, in one form. PVH: Xen's "x86/HVM direct boot ABI"; Multiboot2: its
// specification, section 3.6.
#pragma once

#include "abi/start.hpp"
#include "base/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace quarry::x86 {

struct PhysRange {
    PhysAddr start;
    std::uint64_t bytes = 0;
    std::uint64_t end() const { return start.raw() + bytes; }
};

struct Framebuffer {
    PhysAddr address;
    std::uint32_t pitch_bytes = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint8_t bits_per_pixel = 0;
};

struct BootInfo {
    static constexpr std::size_t max_ranges = 64;
    // So much that one too long for a program is known to be.
    static constexpr std::size_t max_command_line = abi::max_argument_bytes + 1;

    std::array<PhysRange, max_ranges> usable{};
    std::size_t usable_count = 0;
    PhysRange archive;
    PhysAddr root_pointer;  // ACPI's; 0: to be looked for
    std::optional<Framebuffer> framebuffer;
    bool text_mode = true;  // VGA text memory is there
    std::array<char, max_command_line> command_line_text{};
    std::size_t command_line_length = 0;

    std::span<PhysRange const> usable_ranges() const {
        return std::span(usable).first(usable_count);
    }
    std::string_view command_line() const {
        return {command_line_text.data(), command_line_length};
    }
    void add_usable(PhysAddr start, std::uint64_t bytes);
    void set_command_line(std::string_view text);
};

// Everything is copied out: afterwards the protocol's own memory may be used. Reads through the
// direct map, so that must cover the information.
BootInfo read_boot_info(std::uint32_t protocol, PhysAddr information);

}  // namespace quarry::x86
