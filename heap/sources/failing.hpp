// Another page source, whose commits fail when a test says so.
#pragma once

#include "heap/page_source.hpp"

#include <cstddef>
#include <cstdint>

namespace slab {

// `*fails_at` counts commits down, and the one that finds it 0 fails; it stays there until it is set
// again. What the heap says of misuse goes to `*complaint` if that is given, and nothing ends.
template <PageSource Inner>
struct Failing : Inner {
    std::uint64_t* fails_at = nullptr;
    char const** complaint = nullptr;

    Committed commit(std::byte* at, std::size_t bytes) {
        if (fails_at != nullptr) {
            if (*fails_at == 0) {
                return Committed::failed;
            }
            --*fails_at;
        }
        return Inner::commit(at, bytes);
    }
    void fail(char const* what, void const* pointer, std::size_t block_bytes) {
        if (complaint == nullptr) {
            Inner::fail(what, pointer, block_bytes);
        } else {
            *complaint = what;
        }
    }
};

}  // namespace slab
