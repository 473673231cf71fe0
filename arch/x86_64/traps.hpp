// Exceptions and interrupts.
#pragma once

#include "machine/saved_state.hpp"

#include <cstdint>
#include <string_view>

namespace quarry::x86 {

// From here on an exception prints instead of resetting the machine. `with_own_stacks` once the
// guarded stacks exist.
void load_interrupt_table(bool with_own_stacks);

std::string_view exception_name(std::uint64_t vector);

inline constexpr std::uint64_t vector_debug = 1;
inline constexpr std::uint64_t vector_nmi = 2;
inline constexpr std::uint64_t vector_breakpoint = 3;
inline constexpr std::uint64_t vector_no_device = 7;
inline constexpr std::uint64_t vector_double_fault = 8;
inline constexpr std::uint64_t vector_page_fault = 14;
inline constexpr std::uint64_t vector_machine_check = 18;
inline constexpr std::uint64_t vector_first_interrupt = 32;
inline constexpr std::uint64_t vector_timer = 33;
inline constexpr std::uint64_t vector_processor = 34;  // from another one
inline constexpr std::uint64_t vector_serial = 36;
inline constexpr std::uint64_t vector_spurious = 255;

}  // namespace quarry::x86
