#include "heap/linux/moves.hpp"

#include "heap/linux/source.hpp"
#include "heap/size_class.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace slab::hosted {
namespace {

constinit Edges edges;

std::uintptr_t address_of(std::byte const* at) { return reinterpret_cast<std::uintptr_t>(at); }

void map_again(std::byte* at, std::size_t bytes) {
    if (!map_afresh(at, bytes)) {
        report("memory of the heap's own was lost to a failed mremap", at, bytes);
    }
}

bool move_mapping(std::byte* from, std::byte* to, std::size_t bytes) {
    if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) !=
        MAP_FAILED) {
        edges.add(address_of(from), bytes);
        edges.add(address_of(to), bytes);
        return true;
    }
    map_again(to, bytes);  // it may be gone all the same (mm/mremap.c, mremap_to)
    return false;
}

bool exchange_mappings(std::byte* from, std::byte* to, std::size_t bytes) {
    // The last argument reaches the kernel, though it is not one of the C library's here.
    void* const aside = mremap(to, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
    if (aside == MAP_FAILED) {
        return false;
    }
    bool const moved = move_mapping(from, to, bytes);
    auto* const empty = moved ? from : to;
    if (mremap(aside, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, empty) == MAP_FAILED) {
        munmap(aside, bytes);
        map_again(empty, bytes);
    }
    return moved;
}

// What spans several mappings goes in parts, and what cannot be moved after all is copied.
template <typename Way>
void in_parts(std::byte* from, std::byte* to, std::size_t bytes, Way way) {
    while (!way(from, to, bytes)) {
        auto const begin = address_of(from);
        auto const there = address_of(to);
        auto const part = std::min(edges.next(begin, begin + bytes) - begin,
                                   edges.next(there, there + bytes) - there);
        if (part == bytes) {
            if (!move_mapping(from, to, bytes)) {
                std::memcpy(to, from, bytes);
            }
            return;
        }
        in_parts(from, to, part, way);
        from += part;
        to += part;
        bytes -= part;
    }
}

}  // namespace

std::size_t Edges::slot_of(std::uintptr_t edge) {
    constexpr std::uintptr_t golden = 0x9e37'79b9'7f4a'7c15;
    return edge / page_bytes * golden >> (64 - std::countr_zero(slots));
}

bool Edges::has(std::uintptr_t edge) const {
    for (auto slot = slot_of(edge);; slot = (slot + 1) % slots) {
        auto const found = edges_[slot].load(std::memory_order_relaxed);
        if (found == edge || found == 0) {
            return found == edge;
        }
    }
}

void Edges::add(std::uintptr_t edge) {
    if (count_.load(std::memory_order_relaxed) >= slots / 2) {
        return;
    }
    for (auto slot = slot_of(edge);; slot = (slot + 1) % slots) {
        std::uintptr_t found = 0;
        if (edges_[slot].compare_exchange_strong(found, edge, std::memory_order_relaxed)) {
            count_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        if (found == edge) {
            return;
        }
    }
}

bool Edges::allow(std::uintptr_t from, std::uintptr_t to, std::size_t bytes) const {
    auto const doublings = count_.load(std::memory_order_relaxed) / edges_a_doubling;
    return (doublings < most_doublings && bytes >= least_moved << doublings) ||
           (has(from) && has(from + bytes) && has(to) && has(to + bytes));
}

std::uintptr_t Edges::next(std::uintptr_t begin, std::uintptr_t end) const {
    for (auto const& place : edges_) {
        auto const edge = place.load(std::memory_order_relaxed);
        if (edge > begin && edge < end) {
            end = edge;
        }
    }
    return end;
}

bool move_pages(std::byte* from, std::byte* to, std::size_t bytes) {
    if (!edges.allow(address_of(from), address_of(to), bytes)) {
        return false;
    }
    in_parts(from, to, bytes, move_mapping);
    return true;
}

bool map_afresh(std::byte* at, std::size_t bytes) {
    return mmap(at, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool take_pages_over(std::byte* from, std::byte* to, std::size_t bytes) {
    if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) ==
        MAP_FAILED) {
        map_again(to, bytes);
        return false;
    }
    map_afresh(from, bytes);  // else it is a mapping more
    return true;
}

bool exchange_pages(std::byte* from, std::byte* to, std::size_t bytes) {
    if (!edges.allow(address_of(from), address_of(to), bytes)) {
        return false;
    }
    in_parts(from, to, bytes, exchange_mappings);
    return true;
}

}  // namespace slab::hosted
