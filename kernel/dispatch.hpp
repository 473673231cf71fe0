// From six registers to a handler and back. The table is indexed by the call's number less the
// native base; entry code has checked the bound.
#pragma once

#include "abi/calls.hpp"

#include <array>
#include <cstdint>

namespace quarry {

using CallEntry = std::uint64_t (*)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                    std::uint64_t, std::uint64_t);
using CallTable = std::array<CallEntry, abi::call_table_slots>;

extern "C" CallTable const quarry_call_table;

// What rax holds for an error.
constexpr std::uint64_t encode_error(abi::Error error) {
    return ~std::uint64_t{0} - static_cast<std::uint64_t>(error) + 1;
}

}  // namespace quarry
