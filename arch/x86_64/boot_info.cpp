#include "arch/x86_64/boot_info.hpp"

#include "arch/x86_64/layout.hpp"
#include "base/bytes.hpp"
#include "kernel/frame_meta.hpp"
#include "machine/machine.hpp"

#include <algorithm>

namespace quarry::x86 {

void BootInfo::add_usable(PhysAddr start, std::uint64_t bytes) {
    // The first MiB is left to firmware and, later, to the start of other processors.
    constexpr std::uint64_t low_memory = 1 << 20;
    auto const first = std::max(start.raw(), low_memory);
    auto const end = std::min(start.raw() + bytes, max_frames * page_bytes);
    if (end > first && usable_count < max_ranges) {
        usable[usable_count++] = {PhysAddr{first}, end - first};
    }
}

void BootInfo::set_command_line(std::string_view text) {
    command_line_length = std::min(text.size(), max_command_line);
    std::ranges::copy(text.substr(0, command_line_length), command_line_text.begin());
}

namespace {

std::string_view text_at(PhysAddr address, std::size_t limit) {
    auto const text = as_text(machine::physical_bytes(address, limit));
    return text.substr(0, text.find('\0'));
}

struct PvhStartInfo {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t flags;
    std::uint32_t module_count;
    std::uint64_t modules;
    std::uint64_t command_line;
    std::uint64_t rsdp;
    std::uint64_t memory_map;
    std::uint32_t memory_map_entries;
    std::uint32_t reserved;
};
struct PvhModule {
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint64_t command_line;
    std::uint64_t reserved;
};
struct PvhMemory {
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint32_t type;
    std::uint32_t reserved;
};
constexpr std::uint32_t usable_memory = 1;  // in both protocols, as in ACPI's E820

void read_pvh(BootInfo& info, PhysAddr address) {
    auto const& start = *machine::object_at<PvhStartInfo>(address);
    for (std::uint32_t i = 0; i < start.memory_map_entries; ++i) {
        auto const& entry =
            *machine::object_at<PvhMemory>(PhysAddr{start.memory_map + i * sizeof(PvhMemory)});
        if (entry.type == usable_memory) {
            info.add_usable(PhysAddr{entry.address}, entry.bytes);
        }
    }
    if (start.module_count != 0) {
        auto const& module = *machine::object_at<PvhModule>(PhysAddr{start.modules});
        info.archive = {PhysAddr{module.address}, module.bytes};
    }
    if (start.command_line != 0) {
        info.set_command_line(text_at(PhysAddr{start.command_line}, BootInfo::max_command_line));
    }
    info.root_pointer = PhysAddr{start.rsdp};
    info.text_mode = true;
}

// Multiboot2 tags by type.
enum Tag : std::uint32_t {
    end = 0,
    command_line = 1,
    module = 3,
    memory_map = 6,
    framebuffer = 8,
    old_root_pointer = 14,
    root_pointer = 15
};

struct TagHeader {
    std::uint32_t type;
    std::uint32_t bytes;
};
struct ModuleTag {
    TagHeader header;
    std::uint32_t start;
    std::uint32_t end;
};
struct MemoryMapTag {
    TagHeader header;
    std::uint32_t entry_bytes;
    std::uint32_t version;
};
struct FramebufferTag {
    TagHeader header;
    std::uint64_t address;
    std::uint32_t pitch;
    std::uint32_t width;
    std::uint32_t height;
    std::uint8_t bits_per_pixel;
    std::uint8_t type;
};

void read_memory_map(BootInfo& info, PhysAddr at) {
    auto const& tag = *machine::object_at<MemoryMapTag>(at);
    for (auto offset = sizeof(MemoryMapTag); offset < tag.header.bytes; offset += tag.entry_bytes) {
        auto const& entry = *machine::object_at<PvhMemory>(PhysAddr{at.raw() + offset});
        if (entry.type == usable_memory) {
            info.add_usable(PhysAddr{entry.address}, entry.bytes);
        }
    }
}

void read_framebuffer(BootInfo& info, PhysAddr at) {
    auto const& tag = *machine::object_at<FramebufferTag>(at);
    constexpr std::uint8_t direct_colour = 1;
    info.text_mode = tag.type == 2;
    if (tag.type == direct_colour && tag.bits_per_pixel == 32) {
        info.framebuffer = Framebuffer{PhysAddr{tag.address}, tag.pitch, tag.width, tag.height,
                                       tag.bits_per_pixel};
    }
}

void read_multiboot2(BootInfo& info, PhysAddr address) {
    auto const total = *machine::object_at<std::uint32_t>(address);
    constexpr std::uint64_t header_bytes = 8;
    for (std::uint64_t offset = header_bytes; offset < total;) {
        PhysAddr const at{address.raw() + offset};
        auto const& tag = *machine::object_at<TagHeader>(at);
        if (tag.type == Tag::end) {
            break;
        }
        if (tag.type == Tag::command_line) {
            info.set_command_line(
                text_at(PhysAddr{at.raw() + sizeof(TagHeader)}, BootInfo::max_command_line));
        } else if (tag.type == Tag::module) {
            auto const& module = *machine::object_at<ModuleTag>(at);
            info.archive = {PhysAddr{module.start}, std::uint64_t{module.end} - module.start};
        } else if (tag.type == Tag::memory_map) {
            read_memory_map(info, at);
        } else if (tag.type == Tag::framebuffer) {
            read_framebuffer(info, at);
        } else if (tag.type == Tag::root_pointer || tag.type == Tag::old_root_pointer) {
            info.root_pointer = PhysAddr{at.raw() + sizeof(TagHeader)};
        }
        offset += (tag.bytes + 7) & ~7u;
    }
}

}  // namespace

BootInfo read_boot_info(std::uint32_t protocol, PhysAddr information) {
    BootInfo info;
    if (protocol == BOOT_PROTOCOL_PVH) {
        read_pvh(info, information);
    } else {
        read_multiboot2(info, information);
    }
    return info;
}

}  // namespace quarry::x86
