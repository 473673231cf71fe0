// From six registers to a handler and back. The table is indexed by the call's number less the
// native base; entry code has checked the bound.
#pragma once

#include "abi/calls.hpp"

#include <array>
#include <cstdint>

namespace quarry {

using Word = std::uint64_t;
using CallEntry = Word (*)(Word, Word, Word, Word, Word, Word);
using CallTable = std::array<CallEntry, abi::call_table_slots>;

// What entry code calls. A call that may switch to another environment goes through
// quarry_save_and_call, which saves the registers that C++ would keep on the stack; it and the
// shortcuts go on to the second table.
extern "C" CallTable const quarry_call_table;
extern "C" CallTable const quarry_full_table;
extern "C" Word quarry_save_and_call(Word, Word, Word, Word, Word, Word);

// The short way of a call, if it has one; it is tried first.
template <typename Call>
inline constexpr CallEntry shortcut = nullptr;

// Whether each call is written to the trace (kernel/trace.hpp). The tables then name other entries.
void set_tracing(bool on);

// What rax holds for an error.
constexpr std::uint64_t encode_error(abi::Error error) {
    return ~std::uint64_t{0} - static_cast<std::uint64_t>(error) + 1;
}

}  // namespace quarry
