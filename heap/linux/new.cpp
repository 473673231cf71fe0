// operator new and delete in libslab.so. The C++ library is found at run time, if the program has one:
// this library links none.
#include "heap/linux/threads.hpp"

#include <cstdio>
#include <cstdlib>
#include <new>

using slab::hosted::arena;
using slab::hosted::thread_heap;
using slab::hosted::ThreadHeap;

extern "C++" {
namespace std {
[[gnu::weak]] new_handler get_new_handler() noexcept;
// libstdc++'s and libc++'s way to throw bad_alloc.
[[gnu::weak]] void __throw_bad_alloc();
}  // namespace std
}

namespace {

// [new.delete.single]: calls the handler until there is memory; false if there is no handler.
bool make_room() {
    auto const handler =
        &std::get_new_handler != nullptr ? std::get_new_handler() : std::new_handler{};
    if (handler == nullptr) {
        return false;
    }
    handler();
    return true;
}

void* allocate_aligned(std::size_t bytes, std::size_t alignment) {
    return slab::hosted::allocate_with_heap(
        [=](ThreadHeap& heap) { return heap.allocate_aligned(arena, alignment, bytes); });
}

[[gnu::noinline]] void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    for (;;) {
        if (void* const block = allocate_aligned(bytes, alignment)) {
            return block;
        }
        if (!make_room()) {
            if (&std::__throw_bad_alloc != nullptr) {
                std::__throw_bad_alloc();
            }
            slab::hosted::report("out of memory in operator new", nullptr);
            std::abort();
        }
    }
}

[[gnu::noinline]] void* allocate_or_null(std::size_t bytes, std::size_t alignment) {
    for (;;) {
        void* const block = allocate_aligned(bytes, alignment);
        if (block != nullptr || !make_room()) {
            return block;
        }
    }
}

[[gnu::noinline]] void* new_slow(std::size_t bytes) {
    void* const block = slab::hosted::malloc_slow(bytes);
    return block != nullptr ? block : allocate_or_throw(bytes, slab::quantum);
}

[[gnu::always_inline]] inline void* allocate_new(std::size_t bytes) {
    return ThreadHeap::allocate(*thread_heap, arena, bytes, new_slow);
}

[[gnu::always_inline]] inline void free_new(void* block) {
    ThreadHeap::free(arena, block, slab::hosted::free_slow, slab::hosted::slab_changed);
}

std::size_t number_of(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

}  // namespace

#define SLAB_EXPORT [[gnu::visibility("default")]]

SLAB_EXPORT void* operator new(std::size_t bytes) { return allocate_new(bytes); }
SLAB_EXPORT void* operator new[](std::size_t bytes) { return allocate_new(bytes); }
SLAB_EXPORT void* operator new(std::size_t bytes, std::nothrow_t const&) noexcept {
    return allocate_or_null(bytes, slab::quantum);
}
SLAB_EXPORT void* operator new[](std::size_t bytes, std::nothrow_t const&) noexcept {
    return allocate_or_null(bytes, slab::quantum);
}
SLAB_EXPORT void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return allocate_or_throw(bytes, number_of(alignment));
}
SLAB_EXPORT void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return allocate_or_throw(bytes, number_of(alignment));
}
SLAB_EXPORT void* operator new(std::size_t bytes, std::align_val_t alignment,
                               std::nothrow_t const&) noexcept {
    return allocate_or_null(bytes, number_of(alignment));
}
SLAB_EXPORT void* operator new[](std::size_t bytes, std::align_val_t alignment,
                                 std::nothrow_t const&) noexcept {
    return allocate_or_null(bytes, number_of(alignment));
}

SLAB_EXPORT void operator delete(void* block) noexcept { free_new(block); }
SLAB_EXPORT void operator delete[](void* block) noexcept { free_new(block); }
SLAB_EXPORT void operator delete(void* block, std::size_t) noexcept { free_new(block); }
SLAB_EXPORT void operator delete[](void* block, std::size_t) noexcept { free_new(block); }
SLAB_EXPORT void operator delete(void* block, std::nothrow_t const&) noexcept { free_new(block); }
SLAB_EXPORT void operator delete[](void* block, std::nothrow_t const&) noexcept { free_new(block); }
SLAB_EXPORT void operator delete(void* block, std::align_val_t) noexcept { free_new(block); }
SLAB_EXPORT void operator delete[](void* block, std::align_val_t) noexcept { free_new(block); }
SLAB_EXPORT void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    free_new(block);
}
SLAB_EXPORT void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    free_new(block);
}
SLAB_EXPORT void operator delete(void* block, std::align_val_t, std::nothrow_t const&) noexcept {
    free_new(block);
}
SLAB_EXPORT void operator delete[](void* block, std::align_val_t, std::nothrow_t const&) noexcept {
    free_new(block);
}
