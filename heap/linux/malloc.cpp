// malloc and its kin, as programs and the C library find them in libslab.so.
#include "heap/linux/hardened.hpp"
#include "heap/linux/slow_ways.hpp"
#include "heap/linux/threads.hpp"
#include "heap/zeros.hpp"

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

using slab::Origin;
using slab::hosted::allocate_with_heap;
using slab::hosted::arena;
using slab::hosted::hardened_allocate;
using slab::hosted::is_hardened;
using slab::hosted::KeepErrno;
using slab::hosted::take_aligned_at_hand;
using slab::hosted::take_hardened;
using slab::hosted::thread_heap;
using slab::hosted::ThreadHeap;

namespace {
std::size_t saturating_product(std::size_t count, std::size_t bytes) {
    std::size_t total = 0;
    return __builtin_mul_overflow(count, bytes, &total) ? SIZE_MAX : total;
}

[[gnu::noinline]] void* calloc_slow(std::size_t count, std::size_t bytes) {
    auto const total = saturating_product(count, bytes);
    if (is_hardened()) [[unlikely]] {  // all of its blocks are zero
        return take_hardened(total, Origin::malloc, [](std::size_t all, Origin origin) {
            return hardened_allocate(slab::quantum, all, origin);
        });
    }
    return allocate_with_heap(
        total, [=](ThreadHeap& heap) { return heap.allocate_zeroed(arena, count, bytes); });
}

[[gnu::noinline]] void* resize(void* block, std::size_t bytes) {
    if (slab::hosted::has_beyond() && slab::hosted::bytes_beyond(block) != 0) [[unlikely]] {
        return slab::hosted::reallocate_beyond(block, bytes);
    }
    if (is_hardened()) [[unlikely]] {
        return slab::hosted::hardened_reallocate(block, bytes);
    }
    return allocate_with_heap(
        bytes, [=](ThreadHeap& heap) { return heap.reallocate(arena, block, bytes); },
        [=] { return slab::hosted::go_beyond(block, bytes); });
}

}  // namespace

#define SLAB_EXPORT extern "C" [[gnu::visibility("default")]]

SLAB_EXPORT void* malloc(std::size_t bytes) {
    return ThreadHeap::allocate(*thread_heap, arena, bytes,
                                slab::hosted::malloc_slow<Origin::malloc>);
}

SLAB_EXPORT void free(void* block) {
    ThreadHeap::free(
        arena, block, [](void* other) { slab::hosted::free_slow(other, Origin::malloc); },
        slab::hosted::slab_changed);
}

SLAB_EXPORT void* calloc(std::size_t count, std::size_t bytes) {
    std::size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) [[unlikely]] {
        return calloc_slow(count, bytes);
    }
    void* const block = ThreadHeap::allocate(*thread_heap, arena, total,
                                             [](std::size_t) -> void* { return nullptr; });
    if (block == nullptr) [[unlikely]] {
        return calloc_slow(count, bytes);
    }
    slab::make_zero(reinterpret_cast<std::uintptr_t>(block), total);
    return block;
}

SLAB_EXPORT void* realloc(void* block, std::size_t bytes) {
    return block == nullptr ? malloc(bytes) : resize(block, bytes);
}

SLAB_EXPORT void* reallocarray(void* block, std::size_t count, std::size_t bytes) {
    std::size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return nullptr;
    }
    return realloc(block, total);
}

SLAB_EXPORT void* memalign(std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment)) {
        errno = EINVAL;
        return nullptr;
    }
    if (void* const block = take_aligned_at_hand(alignment, bytes)) [[likely]] {
        return block;
    }
    return slab::hosted::allocate_aligned(alignment, bytes, Origin::malloc);
}

SLAB_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    return memalign(alignment, bytes);
}

SLAB_EXPORT int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
    if (!std::has_single_bit(alignment) || alignment % sizeof(void*) != 0) {
        return EINVAL;
    }
    if (void* const at_hand = take_aligned_at_hand(alignment, bytes)) [[likely]] {
        *block = at_hand;
        return 0;
    }
    KeepErrno const kept;
    void* const got = slab::hosted::allocate_aligned(alignment, bytes, Origin::malloc);
    if (got == nullptr) {
        return ENOMEM;
    }
    *block = got;
    return 0;
}

SLAB_EXPORT void* valloc(std::size_t bytes) { return memalign(slab::page_bytes, bytes); }

SLAB_EXPORT void* pvalloc(std::size_t bytes) {
    if (bytes > slab::max_request) {
        errno = ENOMEM;
        return nullptr;
    }
    return memalign(slab::page_bytes, slab::whole_pages(bytes) * slab::page_bytes);
}

SLAB_EXPORT std::size_t malloc_usable_size(void* block) {
    if (slab::hosted::has_beyond()) [[unlikely]] {
        if (auto const bytes = slab::hosted::bytes_beyond(block); bytes != 0) {
            return bytes;
        }
    }
    if (is_hardened()) [[unlikely]] {
        return slab::hosted::hardened_usable_bytes(block);
    }
    return thread_heap->usable_bytes(arena, block);
}

SLAB_EXPORT int malloc_trim(std::size_t) {
    if (is_hardened()) [[unlikely]] {
        slab::hosted::hardened_trim();
        return 1;
    }
    auto* const heap = slab::hosted::own_heap();
    if (heap == nullptr) {
        return 0;
    }
    slab::hosted::AtWork const at_work(*heap);
    heap->trim(arena);
    arena.trim();
    return 1;
}

SLAB_EXPORT void cfree(void* block) { free(block); }

// The C library's own names for the same, which some programs call.
SLAB_EXPORT void* __libc_malloc(std::size_t bytes) { return malloc(bytes); }
SLAB_EXPORT void __libc_free(void* block) { free(block); }
SLAB_EXPORT void* __libc_calloc(std::size_t count, std::size_t bytes) {
    return calloc(count, bytes);
}
SLAB_EXPORT void* __libc_realloc(void* block, std::size_t bytes) { return realloc(block, bytes); }
SLAB_EXPORT void* __libc_memalign(std::size_t alignment, std::size_t bytes) {
    return memalign(alignment, bytes);
}
SLAB_EXPORT void* __libc_valloc(std::size_t bytes) { return valloc(bytes); }
SLAB_EXPORT void* __libc_pvalloc(std::size_t bytes) { return pvalloc(bytes); }
