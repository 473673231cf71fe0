// The machine interface inside a Linux process: an arena of frames, real 4-level tables walked in
// software, and a TLB that keeps every stale entry until told otherwise. It models the
// architecture, not QEMU, so that tests can go red where an emulator is lenient.
#pragma once

#include "abi/types.hpp"
#include "base/address.hpp"
#include "base/relaxed.hpp"
#include "machine/atomic.hpp"
#include "machine/processor_state.hpp"
#include "machine/pte.hpp"
#include "machine/saved_state.hpp"
#include "machine/spin.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quarry {
class Environment;
class Space;
struct Processor;
}  // namespace quarry

namespace quarry::machine {

// What tests set up and look at.
struct Host {
    std::span<std::byte> arena;  // frame 0 begins here
    std::string console;
    std::string keys;  // that wait_for_key() takes
    std::optional<abi::EnvStatus> powered_off;
    Relaxed<bool> idle_forever = false;
};
Host& host();
// A new machine: nothing of the old one is left.
void reset_host(std::span<std::byte> arena);
// The running processor's own part.
ProcessorState& state();

#pragma clang unsafe_buffer_usage begin
template <typename T>
std::span<T> view_as(std::span<std::byte> bytes) {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}
inline std::span<std::byte> frame_bytes(PhysPage frame) {
    return host().arena.subspan(frame.start().raw(), page_bytes);
}
inline std::span<Pte> table(PhysPage frame) { return view_as<Pte>(frame_bytes(frame)); }
template <typename T>
T* object_at(PhysPage frame) {
    return reinterpret_cast<T*>(frame_bytes(frame).data());
}
inline std::size_t first_used(std::span<Pte> entries, std::size_t index) {
    while (index < entries.size() && entries[index].is_empty()) {
        ++index;
    }
    return index;
}
inline std::span<Pte> entries_of(Pte* table) { return {table, entries_per_table}; }
// The entry for a page in its table of level 0.
inline Pte& entry_at(Pte* table, std::uint64_t index) { return table[index]; }
inline Pte& in_one_register(Pte& entry) { return entry; }
#pragma clang unsafe_buffer_usage end
void zero_frames(PhysPage first, std::size_t frames);

inline void prepare_root(PhysPage) {}
// There are no views here: frame 0, which is never walked.
inline PhysPage views_table() { return PhysPage{}; }
inline PhysPage probe_table() { return PhysPage{}; }
void activate(PhysPage root);
inline void activate_other(PhysPage root) { activate(root); }
inline void activate_kernel_space() { activate(PhysPage{}); }
void invalidate(UserPage page);
void invalidate_all();
Processor* this_processor();
void set_this_processor(Processor& processor);
void interrupt_processor(Processor& processor);
void set_timer(std::uint64_t nanoseconds);
inline constexpr bool saves_in_thunks = false;
[[noreturn]] void fail_check(char const* what);

bool copy_in(std::span<std::byte> to, UserAddr from);
bool copy_out(UserAddr to, std::span<std::byte const> from);

// Constants stay what they are.
template <typename T>
void patch(T const*, T) {}
void console_write(std::string_view text);
// The next key, polled; nothing if none can come.
std::optional<char> wait_for_key();
// Text of the trace of system calls.
void trace_write(std::string_view text);
std::uint64_t clock_nanoseconds();
bool wait_for_interrupt();
void power_off(abi::EnvStatus how);
void power_off_idle();
void enter(Environment& environment);
inline void resume(Environment& environment) { enter(environment); }
inline void switch_bases(SavedState&, SavedState const&) {}
inline void switch_vectors(Environment&, Environment&) {}
inline void use_direct_entries(bool) {}
Space* own_active_space();
constexpr std::uint64_t metadata_address(std::uint64_t address) { return address; }
inline void set_entry_frame(Processor&, Environment&) {}
// Checks that it is that one's registers that the processor holds.
void leave(Environment& environment);
inline void release_vector_area(Environment&) {}

}  // namespace quarry::machine
