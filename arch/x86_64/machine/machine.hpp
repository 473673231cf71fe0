// The machine interface on x86-64 hardware. arch/hosted has the same names.
#pragma once

#include "abi/types.hpp"
#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/layout.hpp"
#include "base/address.hpp"
#include "machine/atomic.hpp"
#include "machine/processor_state.hpp"
#include "machine/pte.hpp"
#include "machine/saved_state.hpp"
#include "machine/spin.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace quarry {
class Environment;
class Space;
struct Processor;
}  // namespace quarry

namespace quarry::machine {

#pragma clang unsafe_buffer_usage begin
template <typename T>
std::span<T> view_as(std::span<std::byte> bytes) {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}
template <typename T>
T* object_at(PhysAddr address) {
    return reinterpret_cast<T*>(address.raw() + DIRECT_MAP_BASE);
}
template <typename T>
T* object_at(PhysPage frame) {
    return object_at<T>(frame.start());
}
inline std::span<std::byte> physical_bytes(PhysAddr address, std::size_t bytes) {
    return {object_at<std::byte>(address), bytes};
}
inline std::span<std::byte> frame_bytes(PhysPage frame) {
    return {object_at<std::byte>(frame), page_bytes};
}
inline std::span<Pte> table(PhysPage frame) { return {object_at<Pte>(frame), entries_per_table}; }
inline std::span<Pte> entries_of(Pte* table) { return {table, entries_per_table}; }
inline Pte& entry_at(Pte* table, std::uint64_t index) { return table[index]; }
// The same entry, whose address is kept from here on, not what it was made from.
inline Pte& in_one_register(Pte& entry) {
    auto* address = &entry;
    asm("" : "+r"(address));
    return *address;
}
// The index of the first entry from `index` on, which there is, that is not empty; their number if none
// is. One string instruction, because most of a table is empty.
inline std::size_t first_used(std::span<Pte> entries, std::size_t index) {
    auto const* at = entries.data() + index;
    auto left = entries.size() - index;
    bool none = false;
    asm("repe scasq" : "+D"(at), "+c"(left), "=@ccz"(none) : "a"(0) : "memory");
    return static_cast<std::size_t>(at - entries.data()) - (none ? 0 : 1);
}

// Changes a constant of the kernel's through the direct map.
template <typename T>
void patch(T const* constant, T value) {
    auto const address = __builtin_bit_cast(std::uint64_t, constant);
    __atomic_store_n(object_at<T>(PhysAddr{address - KERNEL_BASE}), value, __ATOMIC_RELAXED);
}
#pragma clang unsafe_buffer_usage end

inline void zero_frames(PhysPage first, std::size_t frames) {
    void* at = object_at<void>(first);
    std::size_t words = frames * page_bytes / 8;
    asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
}
// Gives a new root table the kernel's half.
void prepare_root(PhysPage root);
// The table (level 1) of the views, and the one (level 0) with the probe page.
PhysPage views_table();
PhysPage probe_table();
void activate(PhysPage root);
void activate_kernel_space();
// Of the active space, on this processor.
inline void invalidate(UserPage page) { x86::invalidate_page(page.start().raw()); }
inline void invalidate_all() { x86::write_cr3(x86::read_cr3()); }

inline Processor* this_processor() {
    Processor* self = nullptr;
    asm("mov %%gs:%c1, %0" : "=r"(self) : "i"(PROCESSOR_SELF));
    return self;
}
// this_processor()->active_space, at once.
inline Space* own_active_space() {
    Space* space = nullptr;
    asm volatile("mov %%gs:%c1, %0" : "=r"(space) : "i"(PROCESSOR_ACTIVE_SPACE));
    return space;
}
// Where the frames' metadata is.
constexpr std::uint64_t metadata_address(std::uint64_t) { return METADATA_BASE; }
// Makes another processor look at its mailbox and at what it runs.
void interrupt_processor(Processor& processor);
// Interrupts this processor at that time (clock_nanoseconds); ~0: never.
void set_timer(std::uint64_t nanoseconds);
inline constexpr bool saves_in_thunks = true;
[[noreturn]] void fail_check(char const* what);

bool copy_in(std::span<std::byte> to, UserAddr from);
bool copy_out(UserAddr to, std::span<std::byte const> from);

void console_write(std::string_view text);
// The next key, polled; nothing if none can come.
std::optional<char> wait_for_key();
// Text of the trace of system calls.
void trace_write(std::string_view text);
std::uint64_t clock_nanoseconds();
// Waits for an interrupt and handles it. False where none can come (hosted).
bool wait_for_interrupt();
// Ends the machine with the first program's status.
[[noreturn]] void power_off(abi::EnvStatus how);
// Ends the machine because nothing will ever run again.
[[noreturn]] void power_off_idle();

// Stores what entry code leaves in the processor: segment bases and vector state.
void leave(Environment& environment);
[[noreturn]] void enter(Environment& environment);
// The same for one that never left: its segment bases and vector registers are still there.
[[noreturn]] void resume(Environment& environment);
// Segment bases from one environment to another, without the rest of leave() and enter().
inline void switch_bases(SavedState& from, SavedState const& to) {
    std::uint64_t base = 0;
    asm volatile("rdfsbase %0" : "=r"(base));
    from.fs_base = base;
    asm volatile("wrfsbase %0" : : "r"(to.fs_base));
    // GS is the kernel's here; the program's base is where swapgs put it.
    asm volatile("swapgs\n rdgsbase %0\n wrgsbase %1\n swapgs" : "=&r"(base) : "r"(to.gs_base));
    from.gs_base = base;
}
// The same for vector registers: saved and loaded at every switch, never later.
void switch_vectors(Environment& from, Environment& to);
// Whether entry code makes some calls itself (direct_entry.S), or all come to the kernel's table.
void use_direct_entries(bool on);
// Where entry code saves the registers of what runs now. A Processor begins with what entry code
// needs, an Environment with its registers.
inline void set_entry_frame(Processor& processor, Environment& environment) {
    auto& state = *__builtin_bit_cast(ProcessorState*, &processor);
    state.task_state.rsp[0] = __builtin_bit_cast(std::uint64_t, &environment) + SAVED_END;
}
// activate() of a space that is another one for certain.
inline void activate_other(PhysPage root) { x86::write_cr3(root.start().raw()); }
void release_vector_area(Environment& environment);

}  // namespace quarry::machine
