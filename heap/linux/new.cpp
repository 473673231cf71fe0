// operator new and delete in libslab.so. The C++ library is found at run time, if the program has one:
// this library links none.
#include "heap/linux/hardened.hpp"
#include "heap/linux/slow_ways.hpp"
#include "heap/linux/threads.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

using slab::Origin;
using slab::hosted::arena;
using slab::hosted::take_aligned_at_hand;
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

constexpr auto single = Origin::operator_new;
constexpr auto array = Origin::operator_new_array;

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

// Which alignment means none beyond what any block has.
constexpr std::size_t any = 1;

[[gnu::noinline]] void* allocate_or_throw(std::size_t bytes, std::size_t alignment, Origin origin) {
    for (;;) {
        if (void* const block = slab::hosted::allocate_aligned(alignment, bytes, origin)) {
            return block;
        }
        if (!make_room()) {
            if (&std::__throw_bad_alloc != nullptr) {
                std::__throw_bad_alloc();
            }
            slab::hosted::report("out of memory in operator new", nullptr, 0);
            std::abort();
        }
    }
}

[[gnu::noinline]] void* allocate_or_null(std::size_t bytes, std::size_t alignment, Origin origin) {
    for (;;) {
        void* const block = slab::hosted::allocate_aligned(alignment, bytes, origin);
        if (block != nullptr || !make_room()) {
            return block;
        }
    }
}

template <Origin origin>
[[gnu::noinline]] void* new_slower(std::size_t bytes) {
    void* const block = slab::hosted::malloc_slower(bytes);
    return block != nullptr ? block : allocate_or_throw(bytes, any, origin);
}

// For who has no heap yet, too.
void* new_slowest(std::size_t bytes, Origin origin) {
    void* const block = slab::hosted::allocate_slow(bytes, origin);
    return block != nullptr ? block : allocate_or_throw(bytes, any, origin);
}

template <Origin origin>
[[gnu::noinline]] void* new_hardened(std::size_t bytes) {
    return slab::hosted::take_hardened(bytes, origin, new_slowest);
}

template <Origin origin>
[[gnu::noinline]] void* new_slow(std::size_t bytes) {
    auto& heap = *thread_heap;
    if (void* const block = slab::hosted::take_larger_at_hand(heap, bytes)) [[likely]] {
        return block;
    }
    return &heap == &slab::hosted::no_heap ? new_hardened<origin>(bytes)
                                           : new_slower<origin>(bytes);
}

template <Origin origin>
[[gnu::always_inline]] inline void* allocate_new(std::size_t bytes) {
    return ThreadHeap::allocate(*thread_heap, arena, bytes, new_slow<origin>);
}

// What is less frequent is one function for both origins.
[[gnu::noinline]] void* allocate_new_or_null(std::size_t bytes, Origin origin) {
    return ThreadHeap::allocate(*thread_heap, arena, bytes, [=](std::size_t all) {
        return allocate_or_null(all, any, origin);
    });
}

template <Origin origin>
[[gnu::always_inline]] inline void free_new(void* block) {
    ThreadHeap::free(
        arena, block, [](void* other) { slab::hosted::free_slow(other, origin); },
        slab::hosted::slab_changed);
}

// A size that is not of the block's class is a mistake, and the slow way reports it. It looks at larger
// ones, too: to find their class would take registers that have to be kept.
[[gnu::always_inline]] inline void free_sized(void* block, std::size_t bytes, Origin origin) {
    ThreadHeap::free(
        arena, block, [=](void* other) { slab::hosted::free_sized_slow(other, bytes, origin); },
        slab::hosted::slab_changed,
        [=](slab::Unit const& slab) {
            auto const size_class = slab::fine_class_of(bytes);
            if (size_class == slab.size_class) [[likely]] {
                return bytes <= slab::fine_limit;
            }
            return bytes <= slab::tiny_limit
                       ? slab.size_class == 0
                       : bytes <= slab::fine_limit && slab::groups[size_class] == slab.size_class;
        });
}

std::size_t number_of(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

std::uint32_t told(std::align_val_t alignment) {
    return slab::Freed::alignment_of(number_of(alignment));
}

// Whether every block of at least so many bytes has the alignment: then it is as if none had been asked for.
[[gnu::always_inline]] inline bool comes_by_itself(std::align_val_t alignment) {
    constexpr std::uint32_t powers = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16;
    return number_of(alignment) <= slab::quantum && (powers >> number_of(alignment) & 1) != 0;
}

[[gnu::always_inline]] inline bool is_aligned(void const* block, std::align_val_t alignment) {
    auto const number = number_of(alignment);
    return std::has_single_bit(number) &&
           (reinterpret_cast<std::uintptr_t>(block) & (number - 1)) == 0;
}

[[gnu::noinline]] void* allocate_aligned_new(std::size_t bytes, std::align_val_t alignment,
                                             Origin origin) {
    auto const number = number_of(alignment);
    if (comes_by_itself(alignment)) [[likely]] {
        return ThreadHeap::allocate(
            *thread_heap, arena, std::max(bytes, number), [=](std::size_t all) {
                return origin == single ? new_slow<single>(all) : new_slow<array>(all);
            });
    }
    void* const block = std::has_single_bit(number) ? take_aligned_at_hand(number, bytes) : nullptr;
    return block != nullptr ? block : allocate_or_throw(bytes, number, origin);
}

[[gnu::noinline]] void* allocate_aligned_or_null(std::size_t bytes, std::align_val_t alignment,
                                                 Origin origin) {
    auto const number = number_of(alignment);
    // As many as a sized delete will name.
    return allocate_or_null(comes_by_itself(alignment) ? std::max(bytes, number) : bytes, number,
                            origin);
}

[[gnu::noinline]] void free_plain(void* block, Origin origin) {
    ThreadHeap::free(
        arena, block, [=](void* other) { slab::hosted::free_slow(other, origin); },
        slab::hosted::slab_changed);
}
[[gnu::noinline]] void free_aligned(void* block, std::align_val_t alignment, Origin origin) {
    if (is_aligned(block, alignment)) [[likely]] {
        return free_plain(block, origin);
    }
    slab::hosted::free_slow_as(block, {.alignment = told(alignment), .origin = origin});
}
[[gnu::noinline]] void free_aligned(void* block, std::size_t bytes, std::align_val_t alignment,
                                    Origin origin) {
    auto const number = number_of(alignment);
    if (comes_by_itself(alignment)) [[likely]] {
        return free_sized(block, std::max(bytes, number), origin);
    }
    ThreadHeap::free(
        arena, block,
        [=](void* other) {
            slab::hosted::free_slow_as(
                other, {.bytes = bytes, .alignment = told(alignment), .origin = origin});
        },
        slab::hosted::slab_changed,
        [=](slab::Unit const& slab) {
            return bytes <= slab::fine_limit && number <= slab::fine_limit &&
                   is_aligned(block, alignment) &&
                   slab.size_class == slab::fine_class_of(slab::aligned_bytes(number, bytes));
        });
}

}  // namespace

#define SLAB_EXPORT [[gnu::visibility("default")]]

SLAB_EXPORT void* operator new(std::size_t bytes) { return allocate_new<single>(bytes); }
SLAB_EXPORT void* operator new[](std::size_t bytes) { return allocate_new<array>(bytes); }
SLAB_EXPORT void* operator new(std::size_t bytes, std::nothrow_t const&) noexcept {
    return allocate_new_or_null(bytes, single);
}
SLAB_EXPORT void* operator new[](std::size_t bytes, std::nothrow_t const&) noexcept {
    return allocate_new_or_null(bytes, array);
}
SLAB_EXPORT void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return allocate_aligned_new(bytes, alignment, single);
}
SLAB_EXPORT void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return allocate_aligned_new(bytes, alignment, array);
}
SLAB_EXPORT void* operator new(std::size_t bytes, std::align_val_t alignment,
                               std::nothrow_t const&) noexcept {
    return allocate_aligned_or_null(bytes, alignment, single);
}
SLAB_EXPORT void* operator new[](std::size_t bytes, std::align_val_t alignment,
                                 std::nothrow_t const&) noexcept {
    return allocate_aligned_or_null(bytes, alignment, array);
}

SLAB_EXPORT void operator delete(void* block) noexcept { free_new<single>(block); }
SLAB_EXPORT void operator delete[](void* block) noexcept { free_new<array>(block); }
SLAB_EXPORT void operator delete(void* block, std::size_t bytes) noexcept {
    free_sized(block, bytes, single);
}
SLAB_EXPORT void operator delete[](void* block, std::size_t bytes) noexcept {
    free_sized(block, bytes, array);
}
SLAB_EXPORT void operator delete(void* block, std::nothrow_t const&) noexcept {
    free_plain(block, single);
}
SLAB_EXPORT void operator delete[](void* block, std::nothrow_t const&) noexcept {
    free_plain(block, array);
}
SLAB_EXPORT void operator delete(void* block, std::align_val_t alignment) noexcept {
    free_aligned(block, alignment, single);
}
SLAB_EXPORT void operator delete[](void* block, std::align_val_t alignment) noexcept {
    free_aligned(block, alignment, array);
}
SLAB_EXPORT void operator delete(void* block, std::size_t bytes,
                                 std::align_val_t alignment) noexcept {
    free_aligned(block, bytes, alignment, single);
}
SLAB_EXPORT void operator delete[](void* block, std::size_t bytes,
                                   std::align_val_t alignment) noexcept {
    free_aligned(block, bytes, alignment, array);
}
SLAB_EXPORT void operator delete(void* block, std::align_val_t alignment,
                                 std::nothrow_t const&) noexcept {
    free_aligned(block, alignment, single);
}
SLAB_EXPORT void operator delete[](void* block, std::align_val_t alignment,
                                   std::nothrow_t const&) noexcept {
    free_aligned(block, alignment, array);
}
