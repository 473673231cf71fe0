#include "arch/x86_64/acpi.hpp"

#include "machine/machine.hpp"

#include <numeric>
#include <string_view>

namespace quarry::x86 {
namespace {

struct [[gnu::packed]] RootPointer {
    char signature[8];
    std::uint8_t checksum;
    char oem[6];
    std::uint8_t revision;
    std::uint32_t root_table;
    std::uint32_t bytes;
    std::uint64_t extended_root_table;
};
struct [[gnu::packed]] TableHeader {
    char signature[4];
    std::uint32_t bytes;
    std::uint8_t revision;
    std::uint8_t checksum;
    char oem[6 + 8 + 4 + 4 + 4];
};
static_assert(sizeof(TableHeader) == 36);

constexpr std::uint32_t max_table_bytes = 1 << 16;

// Firmware's tables are believed only if their sums are right.
bool sums_to_zero(PhysAddr at, std::size_t bytes) {
    auto const content = machine::physical_bytes(at, bytes);
    return std::accumulate(content.begin(), content.end(), std::uint8_t{0},
                           [](std::uint8_t sum, std::byte b) {
                               return static_cast<std::uint8_t>(sum + std::to_integer<int>(b));
                           }) == 0;
}

bool is_root_pointer(PhysAddr at) {
    constexpr std::size_t first_part = 20;
    auto const& root = *machine::object_at<RootPointer>(at);
    return std::string_view(root.signature, 8) == "RSD PTR " && sums_to_zero(at, first_part);
}

PhysAddr find_root_pointer(BootInfo const& info) {
    if (info.root_pointer.raw() != 0 && is_root_pointer(info.root_pointer)) {
        return info.root_pointer;
    }
    for (std::uint64_t at = 0xe0000; at < 0x100000; at += 16) {
        if (is_root_pointer(PhysAddr{at})) {
            return PhysAddr{at};
        }
    }
    return {};
}

TableHeader const* table_at(PhysAddr at, std::string_view signature) {
    constexpr std::uint64_t mapped = 4ull << 30;
    if (at.raw() == 0 || at.raw() >= mapped - max_table_bytes) {
        return nullptr;
    }
    auto const* const header = machine::object_at<TableHeader>(at);
    bool const good = std::string_view(header->signature, 4) == signature &&
                      header->bytes >= sizeof(TableHeader) && header->bytes <= max_table_bytes &&
                      sums_to_zero(at, header->bytes);
    return good ? header : nullptr;
}

template <typename Entry>
PhysAddr find_in(PhysAddr root, std::uint32_t bytes, std::string_view signature) {
    for (std::uint64_t offset = sizeof(TableHeader); offset + sizeof(Entry) <= bytes;
         offset += sizeof(Entry)) {
        Entry address = 0;
        __builtin_memcpy(&address, machine::object_at<std::byte>(PhysAddr{root.raw() + offset}),
                         sizeof(Entry));
        if (table_at(PhysAddr{address}, signature) != nullptr) {
            return PhysAddr{address};
        }
    }
    return {};
}

PhysAddr find_table(PhysAddr pointer, std::string_view signature) {
    auto const& root = *machine::object_at<RootPointer>(pointer);
    PhysAddr const extended{root.revision >= 2 ? root.extended_root_table : 0};
    if (auto const* const table = table_at(extended, "XSDT")) {
        return find_in<std::uint64_t>(extended, table->bytes, signature);
    }
    PhysAddr const plain{root.root_table};
    if (auto const* const table = table_at(plain, "RSDT")) {
        return find_in<std::uint32_t>(plain, table->bytes, signature);
    }
    return {};
}

}  // namespace

ProcessorList find_processors(BootInfo const& info) {
    ProcessorList list;
    auto const pointer = find_root_pointer(info);
    auto const madt = pointer.raw() != 0 ? find_table(pointer, "APIC") : PhysAddr{};
    if (madt.raw() == 0) {
        return list;
    }
    struct [[gnu::packed]] LocalApic {
        std::uint8_t type;
        std::uint8_t bytes;
        std::uint8_t processor;
        std::uint8_t apic_id;
        std::uint32_t flags;
    };
    constexpr std::uint64_t first_entry = sizeof(TableHeader) + 8;
    auto const end = machine::object_at<TableHeader>(madt)->bytes;
    for (std::uint64_t offset = first_entry; offset + sizeof(LocalApic) <= end;) {
        auto const& entry = *machine::object_at<LocalApic>(PhysAddr{madt.raw() + offset});
        bool const enabled = entry.type == 0 && (entry.flags & 1) != 0;
        if (enabled && list.count < ProcessorList::max) {
            list.apic_ids[list.count++] = entry.apic_id;
        }
        if (entry.bytes == 0) {
            break;
        }
        offset += entry.bytes;
    }
    return list;
}

}  // namespace quarry::x86
