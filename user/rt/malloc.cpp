#include "user/rt/malloc.hpp"

#include "user/rt/console.hpp"
#include "user/rt/program.hpp"

#include <cstdlib>
#include <new>

namespace quarry {

constinit SharedHeap program_heap;

namespace {

void* allocate_aligned(std::size_t alignment, std::size_t bytes) {
    return program_heap.with(
        [=](ProgramHeap& heap) { return heap.allocate_aligned(alignment, bytes); });
}

constinit std::new_handler new_handler = nullptr;

// [new.delete.single]: the handler may free memory, and without one there is no way on.
void* new_block(std::size_t bytes, std::size_t alignment) {
    for (;;) {
        if (void* const block = allocate_aligned(alignment, bytes)) {
            return block;
        }
        if (new_handler == nullptr) {
            print("\nout of memory: operator new of {} bytes\n", bytes);
            exit_program(exit_status::out_of_memory);
        }
        new_handler();
    }
}

void* new_block_or_null(std::size_t bytes, std::size_t alignment) {
    for (;;) {
        void* const block = allocate_aligned(alignment, bytes);
        if (block != nullptr || new_handler == nullptr) {
            return block;
        }
        new_handler();
    }
}

void free_aligned(void* block, std::size_t bytes, std::align_val_t alignment) {
    program_heap.with(
        [=](ProgramHeap& heap) { heap.free(block, bytes, static_cast<std::size_t>(alignment)); });
}

// No more than what any block has, so that its class is its size's.
constexpr std::size_t default_alignment = 1;

}  // namespace

}  // namespace quarry

using quarry::program_heap;
using quarry::ProgramHeap;

extern "C" {
void* malloc(std::size_t bytes) { return program_heap.allocate(bytes); }
void free(void* block) { program_heap.free(block); }
void* calloc(std::size_t count, std::size_t bytes) {
    return program_heap.with([=](ProgramHeap& heap) { return heap.allocate_zeroed(count, bytes); });
}
void* realloc(void* block, std::size_t bytes) {
    return program_heap.with([=](ProgramHeap& heap) { return heap.reallocate(block, bytes); });
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    return quarry::allocate_aligned(alignment, bytes);
}
std::size_t malloc_usable_size(void* block) {
    return program_heap.with([=](ProgramHeap& heap) { return heap.usable_bytes(block); });
}
}

namespace std {
new_handler set_new_handler(new_handler handler) noexcept {
    return exchange(quarry::new_handler, handler);
}
new_handler get_new_handler() noexcept { return quarry::new_handler; }
nothrow_t const nothrow{};
}  // namespace std

void* operator new(std::size_t bytes) {
    if (void* const block = malloc(bytes)) [[likely]] {
        return block;
    }
    return quarry::new_block(bytes, quarry::default_alignment);
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return quarry::new_block(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return operator new(bytes, alignment);
}
void* operator new(std::size_t bytes, std::nothrow_t const&) noexcept {
    return quarry::new_block_or_null(bytes, quarry::default_alignment);
}
void* operator new[](std::size_t bytes, std::nothrow_t const&) noexcept {
    return quarry::new_block_or_null(bytes, quarry::default_alignment);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    return quarry::new_block_or_null(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     std::nothrow_t const&) noexcept {
    return quarry::new_block_or_null(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { free(block); }
void operator delete[](void* block) noexcept { free(block); }
void operator delete(void* block, std::size_t bytes) noexcept { program_heap.free(block, bytes); }
void operator delete[](void* block, std::size_t bytes) noexcept { program_heap.free(block, bytes); }
void operator delete(void* block, std::size_t bytes, std::align_val_t alignment) noexcept {
    quarry::free_aligned(block, bytes, alignment);
}
void operator delete[](void* block, std::size_t bytes, std::align_val_t alignment) noexcept {
    quarry::free_aligned(block, bytes, alignment);
}
void operator delete(void* block, std::align_val_t alignment) noexcept {
    quarry::free_aligned(block, slab::unknown_bytes, alignment);
}
void operator delete[](void* block, std::align_val_t alignment) noexcept {
    operator delete(block, alignment);
}
void operator delete(void* block, std::nothrow_t const&) noexcept { free(block); }
void operator delete[](void* block, std::nothrow_t const&) noexcept { free(block); }
void operator delete(void* block, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    operator delete(block, alignment);
}
void operator delete[](void* block, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    operator delete(block, alignment);
}
