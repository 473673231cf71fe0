// The kernel's own address space, and memory handed to the portable kernel.
#pragma once

#include "arch/x86_64/boot_info.hpp"
#include "kernel/frame_allocator.hpp"

namespace quarry::x86 {

// The direct map for all memory, the image with its sections' rights, guarded stacks, and device
// registers; drops the identity map. From here on a stack overflow faults.
void build_kernel_space(BootInfo const& info);

// Whether the image lies wholly in memory that the boot protocol calls usable.
bool image_is_in_usable_memory(BootInfo const& info);

// Gives the allocator all usable memory but the kernel's, the archive's and its own metadata's.
void hand_over_memory(BootInfo const& info, FrameAllocator& frames);

// Tops of a processor's guarded stacks; the first one's are there from the start.
std::uint64_t kernel_stack_top(std::size_t index);
std::uint64_t ist_stack_top(std::size_t index, unsigned ist);
Result<void> map_processor_stacks(std::size_t index);

// A root table for a processor that comes up: the kernel's, and memory where it physically is.
void make_start_tables(PhysPage root);
void activate_kernel_tables();

// Maps one page of device registers, uncached; at most 4. Returns where.
std::uint64_t map_device_page(PhysAddr address);

// Whether `address` is in a guard page, for a better message.
bool is_guard_page(std::uint64_t address);

}  // namespace quarry::x86
