// How a heap is put together: its pages, its lock, and who calls.
#pragma once

#include "heap/claim.hpp"
#include "heap/page_source.hpp"

#include <concepts>
#include <cstdint>

namespace slab {

// What plus_self() is for: Claim::is_for.
template <typename C>
concept HeapConfig = requires(std::uint64_t n, std::uint64_t const& word) {
    requires PageSource<typename C::Source>;
    typename C::Lock;
    { C::self() } -> std::same_as<Owner>;
    { C::plus_self(n, word) } -> std::same_as<std::uint64_t>;
};

// A configuration with a constant `hardened` is one for HardenedHeap.
template <typename C>
inline constexpr bool is_hardened = requires { C::hardened; };

}  // namespace slab
