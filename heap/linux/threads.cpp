#include "heap/linux/threads.hpp"

#include <pthread.h>

#include <cerrno>
#include <memory>
#include <mutex>

namespace slab::hosted {

constinit ProcessArena arena;
constinit ThreadHeap no_heap;
thread_local constinit ThreadHeap* thread_heap [[gnu::tls_model("initial-exec")]] = &no_heap;

namespace {

// Heaps of threads that ended, for those to come. They are never given back: there are as many as
// there were threads at once.
struct Spare {
    Spare* next;
};
constinit FutexLock spare_lock;
constinit Spare* spares = nullptr;
// What a thread frees after its end needs no heap: it would be in nobody's hands.
thread_local constinit bool has_ended [[gnu::tls_model("initial-exec")]] = false;
constinit bool has_key = false;
constinit pthread_key_t at_end{};

// A thread ends: what it had is for others. It may come back here, if it allocates again.
void end_thread(void* heap) {
    auto* const own = static_cast<ThreadHeap*>(heap);
    thread_heap = &no_heap;
    has_ended = true;
    own->abandon(arena);
    std::destroy_at(own);
    auto* const spare = std::construct_at(static_cast<Spare*>(heap));
    std::lock_guard const guard(spare_lock);
    spare->next = spares;
    spares = spare;
}

// A fork finds nobody within the heap.
void before_fork() {
    spare_lock.lock();
    arena.lock().lock();
}
void after_fork_in_parent() {
    arena.lock().unlock();
    spare_lock.unlock();
}
void after_fork_in_child() {
    arena.orphan_others();
    arena.lock().unlock_in_child();
    spare_lock.unlock_in_child();
}

void* take_spare() {
    std::lock_guard const guard(spare_lock);
    auto* const spare = spares;
    if (spare != nullptr) {
        spares = spare->next;
    }
    return spare;
}

}  // namespace

ThreadHeap* make_heap() {
    void* memory = take_spare();
    if (memory == nullptr) {
        memory = arena.allocate_own(sizeof(ThreadHeap));
    }
    if (memory == nullptr) {
        return nullptr;
    }
    auto* const own = std::construct_at(static_cast<ThreadHeap*>(memory));
    thread_heap = own;  // what is called from here on may allocate
    {
        std::lock_guard const guard(spare_lock);
        if (!has_key) {
            has_key = pthread_key_create(&at_end, end_thread) == 0;
        }
    }
    if (has_key) {
        pthread_setspecific(at_end, own);
    }
    return own;
}

void* malloc_slow(std::size_t bytes) {
    return allocate_with_heap([=](ThreadHeap& heap) { return heap.allocate_slow(arena, bytes); });
}

void free_slow(void* pointer) {
    auto* const heap = has_ended ? nullptr : own_heap();
    if (heap != nullptr) {
        heap->free_slow(arena, pointer);
    } else {
        no_heap.free_slow(arena, pointer, ThreadHeap::Gather::no);
    }
}

// Of a slab of the calling thread's, which so has a heap.
void slab_changed(Unit& slab) { thread_heap->slab_changed(arena, slab); }

namespace {
[[gnu::constructor]] void set_up() {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
}  // namespace

}  // namespace slab::hosted
