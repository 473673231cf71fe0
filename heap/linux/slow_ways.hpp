// What malloc, new and free do not do at once, in steps. The first ones keep no register, so that what is done at once
// has them all. Who has no heap yet is told there, and comes to the hardened heap, which may be the one that serves.
#pragma once

#include "heap/linux/hardened.hpp"

namespace slab::hosted {

// A larger block, from the slab that its class takes from.
[[gnu::always_inline]] inline void* take_larger_at_hand(ThreadHeap& heap, std::size_t bytes) {
    return bytes - (fine_limit + 1) < small_limit - fine_limit
               ? heap.take_coarse(arena, heap.serving_coarse(coarse_class_of(bytes)))
               : nullptr;
}

// A small block at a multiple of `alignment`, a power of two, from the list of its class.
[[gnu::always_inline]] inline void* take_aligned_at_hand(std::size_t alignment, std::size_t bytes) {
    return bytes <= fine_limit && alignment <= fine_limit && has_heap()
               ? thread_heap->take_fine(arena, fine_class_of(aligned_bytes(alignment, bytes)))
               : nullptr;
}

// From the slabs of its class; all the rest. It is the plain heap that serves, to which the origin means nothing.
[[gnu::noinline]] inline void* malloc_slowest(std::size_t bytes) {
    auto& own = *thread_heap;
    if (bytes <= small_limit && &own != busy_heap() && sample_rate == 0) [[likely]] {
        AtWork const at_work(own);
        if (void* const block = own.take_served(arena, class_of(bytes))) [[likely]] {
            return block;
        }
    }
    return allocate_slow(bytes, Origin::none);
}
// Where a list of small blocks is at its end.
[[gnu::noinline]] inline void* malloc_slower(std::size_t bytes) {
    auto& own = *thread_heap;
    if (bytes <= fine_limit && &own != busy_heap() && sample_rate == 0) [[likely]] {
        AtWork const at_work(own);
        if (void* const block = own.take_ending(arena, own.serving_fine(bytes))) [[likely]] {
            return block;
        }
    }
    return malloc_slowest(bytes);
}
template <Origin origin>
[[gnu::noinline]] void* malloc_slow(std::size_t bytes) {
    auto& heap = *thread_heap;
    if (void* const block = take_larger_at_hand(heap, bytes)) [[likely]] {
        return block;
    }
    return &heap == &no_heap ? malloc_hardened<origin>(bytes) : malloc_slower(bytes);
}

// Another thread's block, or one that lies in a slab's second unit.
template <typename Fits>
[[gnu::always_inline]] inline bool free_known(ThreadHeap& heap, void* pointer, Fits fits) {
    auto* const slab = ThreadHeap::slab_at(arena, pointer, fits);
    if (slab == nullptr || &heap == busy_heap()) {
        return false;
    }
    AtWork const at_work(heap);
    heap.free_known(arena, *slab, pointer);
    return true;
}
// One of a mixed unit.
inline bool free_mixed(ThreadHeap& heap, void* pointer, Freed freed) {
    auto const address = reinterpret_cast<std::uintptr_t>(pointer);
    auto* const unit = arena.unit_at(address);
    if (unit == nullptr || unit->kind != UnitKind::mixed || &heap == busy_heap()) {
        return false;
    }
    AtWork const at_work(heap);
    heap.free_mixed(arena, *unit, address, freed);
    return true;
}
[[gnu::noinline]] inline void free_unusual(ThreadHeap& heap, void* pointer, Origin origin) {
    if (!free_known(heap, pointer, ThreadHeap::any_fits) && !free_mixed(heap, pointer, {})) {
        free_slow_as(pointer, {.origin = origin});
    }
}
[[gnu::noinline]] inline void free_sized_unusual(ThreadHeap& heap, void* pointer, std::size_t bytes,
                                                 Origin origin) {
    auto const fits = [=](Unit const& slab) {
        return bytes <= small_limit && may_serve(slab.size_class, class_of(bytes));
    };
    if (!free_known(heap, pointer, fits) && !free_mixed(heap, pointer, {.bytes = bytes})) {
        free_slow_as(pointer, {.bytes = bytes, .origin = origin});
    }
}
// No block is the most usual of these, and comes first.
[[gnu::noinline]] inline void free_slow(void* pointer, Origin origin) {
    if (pointer == nullptr) {
        return;
    }
    auto& heap = *thread_heap;
    &heap == &no_heap ? free_as_hardened(pointer, {.origin = origin})
                      : free_unusual(heap, pointer, origin);
}
[[gnu::noinline]] inline void free_sized_slow(void* pointer, std::size_t bytes, Origin origin) {
    if (pointer == nullptr) {
        return;
    }
    auto& heap = *thread_heap;
    &heap == &no_heap ? free_as_hardened(pointer, {.bytes = bytes, .origin = origin})
                      : free_sized_unusual(heap, pointer, bytes, origin);
}

}  // namespace slab::hosted
