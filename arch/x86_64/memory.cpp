#include "arch/x86_64/memory.hpp"

#include "arch/x86_64/features.hpp"
#include "arch/x86_64/processor.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

#include <algorithm>
#include <array>

extern "C" {
extern quarry::machine::Pte kernel_pml4[quarry::machine::entries_per_table];
extern quarry::machine::Pte boot_pdpt_low[];
extern char kernel_physical_start[];
extern char kernel_physical_end[];
extern char kernel_text_start[];
extern char kernel_rodata_start[];
extern char kernel_data_start[];
extern char kernel_end[];
}

namespace quarry::x86 {
namespace {

using machine::Pte;
using Table = std::array<Pte, machine::entries_per_table>;

constexpr std::uint64_t gigabyte = 1ull << 30;
constexpr std::uint64_t kernel_page = Pte::present | Pte::global;

// The image has at most 4 MiB.
alignas(page_bytes) constinit Table high_pdpt;
alignas(page_bytes) constinit Table image_directory;
alignas(page_bytes) constinit std::array<Table, 2> image_tables;
alignas(page_bytes) constinit Table fixed_directory;
alignas(page_bytes) constinit Table fixed_table;
alignas(page_bytes) constinit Table direct_pdpt;

// What programs may read: abi/view.hpp; and the page that JOS's programs probe the kernel at.
alignas(page_bytes) constinit Table views_directory;
alignas(page_bytes) constinit Table env_view_table;
alignas(page_bytes) constinit Table page_view_table;
alignas(page_bytes) constinit Table metadata_table;
alignas(page_bytes) constinit Table probe_table_entries;
alignas(page_bytes) constinit std::array<std::byte, page_bytes> probe_page{};

// Stacks are used through the fixed region, where each has an unmapped page below. The first
// processor's memory is here.
constexpr std::size_t stack_pages = 8;
constexpr std::size_t ist_stack_pages = 3;
constexpr std::size_t ist_count = 4;
constexpr std::size_t processor_stack_pages = stack_pages + ist_count * ist_stack_pages;
alignas(
    page_bytes) constinit std::array<std::byte, processor_stack_pages * page_bytes> first_stacks{};

// Slots of the fixed region: devices, then for each processor a guard, its stack, and ISTs with a
// guard each.
constexpr std::size_t device_slots = 8;
constexpr std::size_t first_ist_slot = 1 + stack_pages + 1;
constexpr std::size_t ist_stride = ist_stack_pages + 1;
constexpr std::size_t slots_a_processor = first_ist_slot + ist_count * ist_stride;
constinit std::size_t devices = 0;
constexpr std::size_t processor_slot(std::size_t index) {
    return device_slots + index * slots_a_processor;
}

std::uint64_t address_of(void const* object) { return __builtin_bit_cast(std::uint64_t, object); }
PhysPage image_frame(void const* object) {
    return PhysPage::containing(PhysAddr{address_of(object) - KERNEL_BASE});
}
Pte entry(PhysPage frame, std::uint64_t flags) {
    return Pte::from_raw(frame.start().raw() | flags);
}

void map_image() {
    auto const text = address_of(kernel_text_start);
    auto const rodata = address_of(kernel_rodata_start);
    auto const data = address_of(kernel_data_start);
    auto const first = text & ~(huge_bytes - 1);
    for (auto at = text; at < address_of(kernel_end); at += page_bytes) {
        std::uint64_t flags = kernel_page;
        if (at >= data) {
            flags |= Pte::writable | Pte::no_execute;
        } else if (at >= rodata) {
            flags |= Pte::no_execute;
        }
        auto const index = (at - first) / page_bytes;
        image_tables[index / 512][index % 512] =
            entry(PhysPage::containing(PhysAddr{at - KERNEL_BASE}), flags);
    }
    for (std::size_t i = 0; i < image_tables.size(); ++i) {
        image_directory[(first - KERNEL_BASE) / huge_bytes + i] =
            entry(image_frame(&image_tables[i]), Pte::present | Pte::writable);
    }
    high_pdpt[510] = entry(image_frame(&image_directory), Pte::present | Pte::writable);
}

// The fixed region's table for a slot, which the first one has from the start.
Result<PhysPage> fixed_table_of(std::size_t slot) {
    auto& entry_of_table = fixed_directory[slot / machine::entries_per_table];
    if (entry_of_table.is_empty()) {
        auto const frame = TRY(the_kernel.memory.allocate_page());
        the_kernel.memory.meta(frame).reset(FrameKind::object, FrameCounts{0});
        machine::zero_frames(frame, 1);
        entry_of_table = entry(frame, Pte::present | Pte::writable);
    }
    return entry_of_table.frame();
}

Result<void> map_fixed(std::size_t slot, PhysPage frame, std::uint64_t flags) {
    auto const table = TRY(fixed_table_of(slot));
    machine::table(table)[slot % machine::entries_per_table] =
        entry(frame, kernel_page | Pte::writable | Pte::no_execute | flags);
    return {};
}

// Maps each stack page to the frame that `next` gives.
template <typename Next>
Result<void> map_stacks(std::size_t index, Next next) {
    auto const first = processor_slot(index);
    for (std::size_t i = 0; i < stack_pages; ++i) {
        auto const frame = TRY(next());
        TRY(map_fixed(first + 1 + i, frame, 0));
    }
    for (std::size_t ist = 0; ist < ist_count; ++ist) {
        for (std::size_t i = 0; i < ist_stack_pages; ++i) {
            auto const frame = TRY(next());
            TRY(map_fixed(first + first_ist_slot + ist * ist_stride + i, frame, 0));
        }
    }
    return {};
}

void map_first_stacks() {
    fixed_directory[0] = entry(image_frame(&fixed_table), Pte::present | Pte::writable);
    high_pdpt[511] = entry(image_frame(&fixed_directory), Pte::present | Pte::writable);
    auto frame = image_frame(&first_stacks);
    (void)map_stacks(0, [&]() -> Result<PhysPage> { return std::exchange(frame, frame.plus(1)); });
}

constexpr std::uint64_t readable_by_programs = Pte::present | Pte::user | Pte::no_execute;

void map_env_views() {
    static_assert(sizeof(env_view_array) <= huge_bytes);
    auto const first = image_frame(&env_view_array);
    for (std::size_t i = 0; i < sizeof(env_view_array) / page_bytes; ++i) {
        env_view_table[i] = entry(first.plus(i), readable_by_programs);
    }
    views_directory[0] = entry(image_frame(&env_view_table), Pte::present | Pte::user);
    auto const supervisors = Pte::present | Pte::no_execute;
    probe_table_entries[abi::jos_probe_low / page_bytes % machine::entries_per_table] =
        entry(image_frame(&probe_page), supervisors);
    probe_table_entries[abi::jos_probe_high / page_bytes % machine::entries_per_table] =
        entry(image_frame(&probe_page), supervisors);
}

// The frames' metadata: in whole 2 MiB, or less than that.
void map_page_views(PhysPage metadata, std::uint64_t count) {
    auto const whole = count / huge_pages;
    for (std::size_t i = 0; i < whole; ++i) {
        views_directory[1 + i] =
            entry(metadata.plus(i * huge_pages), readable_by_programs | Pte::page_size);
    }
    if (whole == 0) {
        for (std::size_t i = 0; i < count; ++i) {
            page_view_table[i] = entry(metadata.plus(i), readable_by_programs);
        }
        views_directory[1] = entry(image_frame(&page_view_table), Pte::present | Pte::user);
    }
}

// The same for the kernel, in its own half.
std::span<std::byte> map_metadata(PhysPage metadata, std::uint64_t count) {
    constexpr auto first = (METADATA_BASE - KERNEL_BASE) / huge_bytes;
    constexpr auto flags = Pte::present | Pte::writable | Pte::no_execute;
    auto const whole = count / huge_pages;
    for (std::size_t i = 0; i < whole; ++i) {
        image_directory[first + i] = entry(metadata.plus(i * huge_pages), flags | Pte::page_size);
    }
    if (whole == 0) {
        for (std::size_t i = 0; i < count; ++i) {
            metadata_table[i] = entry(metadata.plus(i), flags);
        }
        image_directory[first] = entry(image_frame(&metadata_table), Pte::present | Pte::writable);
    }
    return {__builtin_bit_cast(std::byte*, std::uint64_t{METADATA_BASE}), count * page_bytes};
}

// The stretch of memory below 1 GiB that early tables are cut from, from the end down.
struct EarlyMemory {
    std::uint64_t top = 0;
    std::uint64_t end = 0;
    PhysPage take() {
        end -= page_bytes;
        machine::zero_frames(PhysPage::containing(PhysAddr{end}), 1);
        return PhysPage::containing(PhysAddr{end});
    }
};
constinit EarlyMemory early_memory;

void find_early_memory(BootInfo const& info) {
    auto const kernel_physical = address_of(kernel_physical_end);
    for (auto const& range : info.usable_ranges()) {
        auto const end = std::min(range.end(), gigabyte) & ~(page_bytes - 1);
        bool const holds_kernel = range.start.raw() <= kernel_physical && end > kernel_physical;
        if (holds_kernel) {
            // Below the archive, if that is in the way.
            auto const archive = info.archive.start.raw();
            bool const inside =
                info.archive.bytes != 0 && archive >= kernel_physical && archive < end;
            early_memory.top = inside ? archive & ~(page_bytes - 1) : end;
            early_memory.end = early_memory.top;
        }
    }
}

// All of memory, and at least the first 4 GiB, writable and not executable.
void map_direct(BootInfo const& info) {
    std::uint64_t top = 4 * gigabyte;
    for (auto const& range : info.usable_ranges()) {
        top = std::max(top, range.end());
    }
    constexpr auto flags = kernel_page | Pte::writable | Pte::no_execute;
    auto const gigabytes = (top + gigabyte - 1) / gigabyte;
    for (std::uint64_t i = 0; i < gigabytes; ++i) {
        auto const first = PhysPage::containing(PhysAddr{i * gigabyte});
        if (has_gigabyte_pages()) {
            direct_pdpt[i] = entry(first, flags | Pte::page_size);
            continue;
        }
        auto const directory = early_memory.take();
        for (std::size_t j = 0; j < machine::entries_per_table; ++j) {
            machine::table(directory)[j] =
                entry(first.plus(j * huge_pages), flags | Pte::page_size);
        }
        direct_pdpt[i] = entry(directory, Pte::present | Pte::writable);
    }
}

}  // namespace

void build_kernel_space(BootInfo const& info) {
    find_early_memory(info);
    map_image();
    map_first_stacks();
    map_direct(info);
    map_env_views();
    kernel_pml4[0] = Pte{};
    kernel_pml4[256] = entry(image_frame(&direct_pdpt), Pte::present | Pte::writable);
    kernel_pml4[511] = entry(image_frame(&high_pdpt), Pte::present | Pte::writable);
    write_cr4(read_cr4() & ~(1ull << 7));  // with global pages off and on again nothing old stays
    write_cr3(image_frame(kernel_pml4).start().raw());
    write_cr4(read_cr4() | 1ull << 7);
}

bool image_is_in_usable_memory(BootInfo const& info) {
    return std::ranges::any_of(info.usable_ranges(), [](PhysRange const& range) {
        return range.start.raw() <= address_of(kernel_physical_start) &&
               range.end() >= address_of(kernel_physical_end);
    });
}

void hand_over_memory(BootInfo const& info, FrameAllocator& frames) {
    std::array<MemoryRegion, FrameAllocator::max_regions> regions{};
    std::size_t count = 0;
    std::uint64_t end_frame = 0;
    for (auto const& range : info.usable_ranges()) {
        end_frame = std::max(end_frame, range.end() / page_bytes);
    }
    auto const metadata_bytes = FrameAllocator::metadata_bytes(end_frame);
    // Large metadata begins and ends where 2 MiB pages do, so that its view needs few entries.
    auto const step = metadata_bytes < huge_bytes ? std::uint64_t{1} : huge_pages;
    auto const metadata_pages = (pages_for(metadata_bytes) + step - 1) / step * step;
    PhysPage metadata;

    // What is left of each range when the kernel, early tables and the archive are taken out.
    struct Hole {
        std::uint64_t first;
        std::uint64_t end;
    };
    std::array<Hole, 3> holes{
        Hole{address_of(kernel_physical_start) / page_bytes,
             pages_for(address_of(kernel_physical_end))},
        Hole{early_memory.end / page_bytes, early_memory.top / page_bytes},
        Hole{info.archive.start.raw() / page_bytes, pages_for(info.archive.end())}};
    std::ranges::sort(holes, [](Hole const& a, Hole const& b) { return a.first < b.first; });
    auto const add = [&](std::uint64_t first, std::uint64_t end) {
        auto const aligned = (first + step - 1) / step * step;
        if (metadata.number() == 0 && end > aligned && end - aligned > metadata_pages) {
            metadata = PhysPage::numbered(aligned);
            if (aligned > first && count < regions.size()) {
                regions[count++] = {PhysPage::numbered(first), aligned - first};
            }
            first = aligned + metadata_pages;
        }
        if (end > first && count < regions.size()) {
            regions[count++] = {PhysPage::numbered(first), end - first};
        }
    };
    for (auto const& range : info.usable_ranges()) {
        auto first = pages_for(range.start.raw());
        auto const end = range.end() / page_bytes;
        for (auto const& hole : holes) {
            if (hole.first != hole.end && hole.first < end && hole.end > first) {
                add(first, hole.first);
                first = hole.end;
            }
        }
        add(first, end);
    }
    map_page_views(metadata, metadata_pages);
    frames.initialise(std::span(regions).first(count), map_metadata(metadata, metadata_pages),
                      end_frame);
}

Result<void> map_processor_stacks(std::size_t index) {
    return map_stacks(index, []() -> Result<PhysPage> {
        auto const frame = TRY(the_kernel.memory.allocate_page());
        the_kernel.memory.meta(frame).reset(FrameKind::object, FrameCounts{0});
        return frame;
    });
}

std::uint64_t kernel_stack_top(std::size_t index) {
    return FIXED_BASE + (processor_slot(index) + 1 + stack_pages) * page_bytes;
}

std::uint64_t ist_stack_top(std::size_t index, unsigned ist) {
    auto const slot = processor_slot(index) + first_ist_slot + (ist - 1) * ist_stride;
    return FIXED_BASE + (slot + ist_stack_pages) * page_bytes;
}

std::uint64_t map_device_page(PhysAddr address) {
    auto const slot = devices++;
    (void)map_fixed(slot, PhysPage::containing(address),
                    Pte::cache_disable | Pte::write_through);  // in the first table: cannot fail
    return FIXED_BASE + slot * page_bytes + address.raw() % page_bytes;
}

bool is_guard_page(std::uint64_t address) {
    auto const slot = (address - FIXED_BASE) / page_bytes;
    if (address < FIXED_BASE || slot < device_slots || slot >= processor_slot(max_processors)) {
        return false;
    }
    auto const in_processor = (slot - device_slots) % slots_a_processor;
    return in_processor == 0 || (in_processor + 1 >= first_ist_slot &&
                                 (in_processor + 1 - first_ist_slot) % ist_stride == 0);
}

void make_start_tables(PhysPage root) {
    std::ranges::copy(kernel_pml4, machine::table(root).begin());
    // The boot protocol's identity map of the first 4 GiB is still there.
    machine::table(root)[0] = entry(image_frame(boot_pdpt_low), Pte::present | Pte::writable);
}

void activate_kernel_tables() { write_cr3(image_frame(kernel_pml4).start().raw()); }

}  // namespace quarry::x86

namespace quarry::machine {

void prepare_root(PhysPage root) {
    auto const half = entries_per_table / 2;
    std::ranges::copy(std::span(kernel_pml4).subspan(half), table(root).subspan(half).begin());
}

PhysPage views_table() { return x86::image_frame(&x86::views_directory); }
PhysPage probe_table() { return x86::image_frame(&x86::probe_table_entries); }

void activate(PhysPage root) {
    if (x86::read_cr3() != root.start().raw()) {
        x86::write_cr3(root.start().raw());
    }
}

void activate_kernel_space() { activate(x86::image_frame(kernel_pml4)); }

}  // namespace quarry::machine
