// The machine interface on x86-64 hardware. arch/hosted has the same names.
#pragma once

#include "abi/types.hpp"
#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/layout.hpp"
#include "base/address.hpp"
#include "machine/pte.hpp"
#include "machine/saved_state.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace quarry {
class Environment;
}

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
#pragma clang unsafe_buffer_usage end

inline void zero_frames(PhysPage first, std::size_t frames) {
    void* at = object_at<void>(first);
    std::size_t words = frames * page_bytes / 8;
    asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
}
inline void spin_pause() { asm volatile("pause"); }

// Gives a new root table the kernel's half.
void prepare_root(PhysPage root);
void activate(PhysPage root);
void activate_kernel_space();
// Translations of a space that is not active are gone already: loading CR3 dropped them.
inline void invalidate(PhysPage root, UserPage page) {
    if (x86::read_cr3() == root.start().raw()) {
        x86::invalidate_page(page.start().raw());
    }
}
inline void finish_invalidations(PhysPage) {}
inline void invalidate_space(PhysPage) {}

bool copy_in(std::span<std::byte> to, UserAddr from);
bool copy_out(UserAddr to, std::span<std::byte const> from);

void console_write(std::string_view text);
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
void release_vector_area(Environment& environment);

}  // namespace quarry::machine
