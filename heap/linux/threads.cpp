#include "heap/linux/threads.hpp"

#include "heap/linux/hardened.hpp"
#include "heap/linux/profile.hpp"
#include "heap/linux/spares.hpp"
#include "heap/linux/thread_end.hpp"
#include "heap/slab.h"

#include <pthread.h>

#include <cerrno>
#include <memory>

namespace slab::hosted {

constinit ProcessArena arena;
constinit StandIns stand_ins;
thread_local constinit ThreadHeap* thread_heap [[gnu::tls_model("initial-exec")]] = &no_heap;

namespace {

constinit Spares spares;
// What a thread frees after its end needs no heap: it would be in nobody's hands.
thread_local constinit bool has_ended [[gnu::tls_model("initial-exec")]] = false;

// A thread ends: what it had is for others. It may come back here, if it allocates again.
void end_thread(void* heap) {
    auto* const own = static_cast<ThreadHeap*>(heap);
    thread_heap = &no_heap;
    has_ended = true;
    own->abandon(arena);
    std::destroy_at(own);
    spares.put(heap);
}
constinit ThreadEnd thread_end{end_thread};

// A fork finds nobody within the heap.
void before_fork() {
    lock_hardened();
    thread_end.lock().lock();
    spares.lock().lock();
    arena.lock().lock();
    lock_beyond();
}
void after_fork_in_parent() {
    unlock_beyond(false);
    arena.lock().unlock();
    spares.lock().unlock();
    thread_end.lock().unlock();
    unlock_hardened(Side::parent);
}
void after_fork_in_child() {
    unlock_beyond(true);
    arena.orphan_others();
    hardened_arena.orphan_others();
    arena.lock().unlock_in_child();
    spares.lock().unlock_in_child();
    thread_end.lock().unlock_in_child();
    unlock_hardened(Side::child);
}

constinit std::atomic<int (*)(std::size_t)> out_of_memory_handler = nullptr;

}  // namespace

bool may_try_again(std::size_t bytes) {
    auto* const handler = out_of_memory_handler.load(std::memory_order_acquire);
    if (handler != nullptr && bytes <= max_request && handler(bytes) != 0) {
        return true;
    }
    errno = ENOMEM;
    return false;
}

void report_interruption() {
    report("a signal handler that interrupted the heap allocates or frees", nullptr, 0);
}

bool is_interrupting() {
    if (thread_heap != busy_heap()) {
        return false;
    }
    report_interruption();
    return true;
}

ThreadHeap* make_heap() {
    if (is_interrupting()) {
        return nullptr;
    }
    void* memory = spares.take();
    if (memory == nullptr) {
        memory = arena.allocate_own(sizeof(ThreadHeap));
    }
    if (memory == nullptr) {
        return nullptr;
    }
    auto* const own = std::construct_at(static_cast<ThreadHeap*>(memory));
    thread_heap = own;  // what is called from here on may allocate
    thread_end.expect(own);
    return own;
}

void* allocate_slow(std::size_t bytes, Origin origin) {
    if (is_hardened()) {
        return hardened_allocate(quantum, bytes, origin);
    }
    return allocate_with_heap(bytes, [=](ThreadHeap& heap) {
        return sample_rate == 0 ? heap.allocate_slow(arena, bytes)
                                : allocate_with_samples(heap, bytes);
    });
}

void free_slow_as(void* pointer, Freed freed) {
    if (is_interrupting()) {
        return;  // the block is lost
    }
    if (has_beyond() && free_beyond(pointer)) {
        return;
    }
    if (is_hardened()) {
        return hardened_free(pointer, freed);
    }
    auto* const heap = has_ended ? nullptr : own_heap();
    if (heap != nullptr) {
        AtWork const at_work(*heap);
        heap->free_slow(arena, pointer, freed);
    } else {
        no_heap.free_slow(arena, pointer, freed, ThreadHeap::Gather::no);
    }
}

// Of a slab of the calling thread's, which so has a heap.
void slab_changed(Unit& slab) {
    if (is_interrupting()) {
        return;
    }
    auto& heap = *thread_heap;
    AtWork const at_work(heap);
    heap.slab_changed(arena, slab);
}

namespace {
[[gnu::constructor]] void set_up() {
    if (has_heap() && is_hardened_slow()) {
        thread_heap->abandon(arena);  // it was not known yet
        thread_heap = &no_heap;
    }
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
}  // namespace

}  // namespace slab::hosted

extern "C" [[gnu::visibility("default")]] void slab_set_out_of_memory_handler(
    int (*handler)(std::size_t bytes)) {
    slab::hosted::out_of_memory_handler.store(handler, std::memory_order_release);
}
