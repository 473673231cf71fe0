// Where a heap gets its pages. A source reserves one window of address space; pages in it are
// committed before use and decommitted when free. Nobody else touches the window.
#pragma once

#include <concepts>
#include <cstddef>

namespace slab {

inline constexpr std::size_t page_bytes = 4096;

// What commit says about the pages it made usable.
enum class Committed : unsigned char { failed, dirty, zeroed };

// reserve: a window of `bytes`, aligned to 2 MiB, or null. commit, decommit: whole pages of the
// window. release: the window as reserved. fail: says what is wrong with a pointer and ends the
// program.
template <typename S>
concept PageSource =
    requires(S source, std::size_t bytes, std::byte* at, char const* what, void const* pointer) {
        { source.reserve(bytes) } -> std::same_as<std::byte*>;
        { source.commit(at, bytes) } -> std::same_as<Committed>;
        { source.decommit(at, bytes) } -> std::same_as<void>;
        { source.release(at, bytes) } -> std::same_as<void>;
        { source.fail(what, pointer) } -> std::same_as<void>;
    };

// Several threads or one: what a heap takes around each call.
struct NoLock {
    void lock() {}
    void unlock() {}
};

}  // namespace slab
