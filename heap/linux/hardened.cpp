#include "heap/linux/hardened.hpp"

#include "heap/attributes.hpp"
#include "heap/linux/spares.hpp"
#include "heap/linux/thread_end.hpp"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>

namespace slab::hosted {

thread_local constinit HardenedThread hardened_thread [[gnu::tls_model("initial-exec")]];

namespace {

using Heap = HardenedThreadHeap;

enum class Mode : unsigned char { undecided, plain, hardened };
constinit std::atomic<Mode> mode = Mode::undecided;
#ifdef SLAB_HARDENED_BY_DEFAULT
constexpr bool by_default = true;
#else
constexpr bool by_default = false;
#endif

thread_local constinit bool has_ended [[gnu::tls_model("initial-exec")]] = false;
constinit Spares spares;

// What a thread frees after its end needs a heap that is in somebody's hands. It is made when that first happens:
// a heap that is not all zero costs every program memory.
constinit FutexLock last_lock;
alignas(Heap) constinit std::array<std::byte, sizeof(Heap)> last_memory{};
constinit Heap* last_heap = nullptr;

void end_thread(void* heap) {
    auto* const own = static_cast<Heap*>(heap);
    hardened_thread.have(nullptr);
    has_ended = true;
    own->abandon(hardened_arena);
    std::destroy_at(own);
    spares.put(heap);
}
constinit ThreadEnd thread_end{end_thread};

// Null if there is no memory for it, or for a signal handler that interrupted it.
Heap* own_hardened_heap() {
    if (hardened_thread.is_at_work()) {
        report_interruption();
        return nullptr;
    }
    if (hardened_thread.own == nullptr) {
        void* memory = spares.take();
        if (memory == nullptr) {
            memory = hardened_arena.allocate_own(sizeof(Heap));
        }
        if (memory == nullptr) {
            return nullptr;
        }
        hardened_thread.have(std::construct_at(static_cast<Heap*>(memory), random_word()));
        thread_end.expect(hardened_thread.own);
    }
    return hardened_thread.own;
}

// What a heap of the calling thread does; an ended thread's blocks are freed in one for all. Nothing for a signal
// handler that interrupted it.
template <typename Function>
auto with_heap(Function function) {
    bool const needs_own = !has_ended || hardened_thread.own != nullptr;
    auto* const heap = needs_own ? own_hardened_heap() : nullptr;
    if (heap != nullptr) {
        HardenedAtWork const at_work(*heap);
        return function(*heap);
    }
    if (hardened_thread.is_at_work()) {
        return decltype(function(*heap))();
    }
    std::lock_guard const guard(last_lock);
    if (last_heap == nullptr) {
        last_heap = std::construct_at(reinterpret_cast<Heap*>(last_memory.data()), random_word());
    }
    return function(*last_heap);
}

// A block from before it was known which heap serves.
bool is_from_before(void const* pointer) {
    return arena.unit_at(reinterpret_cast<std::uintptr_t>(pointer)) != nullptr;
}

}  // namespace

bool is_hardened_slow() {
    auto const known = mode.load(std::memory_order_relaxed);
    if (known != Mode::undecided) {
        return known == Mode::hardened;
    }
    if (environ == nullptr) {
        return by_default;  // too early to know
    }
    auto const* const wish = secure_getenv("SLAB_HARDENED");
    bool const hardened =
        has_checks && (wish != nullptr ? std::string_view(wish) == "1" : by_default);
    mode.store(hardened ? Mode::hardened : Mode::plain, std::memory_order_relaxed);
    return hardened;
}

void* allocate_aligned(std::size_t alignment, std::size_t bytes, Origin origin) {
    if (is_hardened()) {
        return hardened_allocate(alignment, bytes, origin);
    }
    return allocate_with_heap(
        bytes, [=](ThreadHeap& heap) { return heap.allocate_aligned(arena, alignment, bytes); },
        [=] { return allocate_beyond(alignment, bytes); });
}

void* go_beyond(void* pointer, std::size_t bytes) {
    auto const address = reinterpret_cast<std::uintptr_t>(pointer);
    if (pointer != nullptr && arena.unit_at(address) == nullptr &&
        hardened_arena.unit_at(address) == nullptr) {
        return nullptr;  // foreign, as has been said
    }
    void* const moved = allocate_beyond(quantum, bytes);
    if (moved != nullptr && pointer != nullptr) {
        auto const kept = std::min(bytes, malloc_usable_size(pointer));
        // Of a hardened block its canary must stay where it is.
        if (is_hardened() || !move_pages_beyond(pointer, moved, kept)) {
            __builtin_memcpy(moved, pointer, kept);
        }
        free_slow_as(pointer, {});
    }
    return moved;
}

void* reallocate_beyond(void* pointer, std::size_t bytes) {
    if (bytes >= least_beyond) {
        void* const resized = resize_beyond(pointer, bytes);
        if (resized == nullptr) {
            errno = ENOMEM;
        }
        return resized;
    }
    void* const moved = allocate_aligned(quantum, bytes, Origin::malloc);
    if (moved != nullptr) {
        __builtin_memcpy(moved, pointer, bytes);
        free_beyond(pointer);
    }
    return moved;
}

void* hardened_allocate(std::size_t alignment, std::size_t bytes, Origin origin) {
    return allocate_with_heap<own_hardened_heap>(
        bytes,
        [=](Heap& heap) { return heap.allocate_aligned(hardened_arena, alignment, bytes, origin); },
        [=] { return allocate_beyond(alignment, bytes); });
}

void hardened_free(void* pointer, Freed freed) {
    if (is_from_before(pointer)) {
        return no_heap.free_slow(arena, pointer, freed, ThreadHeap::Gather::no);
    }
    with_heap([&](Heap& heap) { heap.free(hardened_arena, pointer, freed); });
}

void* hardened_reallocate(void* pointer, std::size_t bytes) {
    if (is_from_before(pointer)) {
        void* const moved = hardened_allocate(quantum, bytes, Origin::malloc);
        if (moved != nullptr) {
            __builtin_memcpy(moved, pointer, std::min(bytes, no_heap.usable_bytes(arena, pointer)));
            hardened_free(pointer, {});
        }
        return moved;
    }
    return allocate_with_heap<own_hardened_heap>(
        bytes, [=](Heap& heap) { return heap.reallocate(hardened_arena, pointer, bytes); },
        [=] { return go_beyond(pointer, bytes); });
}

std::size_t hardened_usable_bytes(void const* pointer) {
    return is_from_before(pointer)
               ? no_heap.usable_bytes(arena, pointer)
               : with_heap([&](Heap& heap) { return heap.usable_bytes(hardened_arena, pointer); });
}

SLAB_COLD void hardened_trim() {
    with_heap([](Heap& heap) { heap.trim(hardened_arena); });
    hardened_arena.trim();
}

void* finish_unclean(Heap& heap, std::uintptr_t address, Tag tag, std::size_t size) {
    void* const block = heap.clean(hardened_arena, address, tag, size);
    end_hardened_work(heap);
    return block;
}
void finish_rest(Heap& heap, Unit& slab, std::uintptr_t address) {
    heap.rest(hardened_arena, slab, address);
    end_hardened_work(heap);
}
void finish_back(Heap& heap, std::uintptr_t* block) {
    heap.put_back(hardened_arena, block);
    end_hardened_work(heap);
}
void finish_changed(Heap& heap, Unit& slab) {
    heap.changed(hardened_arena, slab);
    end_hardened_work(heap);
}

void hardened_check() {
    if (auto* const heap = hardened_thread.own; heap != nullptr) {
        heap->check(hardened_arena);
    }
}

void lock_hardened() {
    thread_end.lock().lock();
    spares.lock().lock();
    last_lock.lock();
    hardened_arena.lock().lock();
}

void unlock_hardened(Side side) {
    for (auto* const lock :
         {&hardened_arena.lock(), &last_lock, &spares.lock(), &thread_end.lock()}) {
        if (side == Side::child) {
            lock->unlock_in_child();
        } else {
            lock->unlock();
        }
    }
}

}  // namespace slab::hosted
