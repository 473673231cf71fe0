// The process's heap, and each thread's part of it.
#pragma once

#include "heap/freed.hpp"
#include "heap/linux/beyond.hpp"
#include "heap/linux/futex_lock.hpp"
#include "heap/linux/source.hpp"
#include "heap/local_heap.hpp"

#include <atomic>

namespace slab::hosted {

struct Config {
    using Source = hosted::Source;
    using Lock = FutexLock;
    // The thread pointer, which is at its own address (ELF handling for thread-local storage, variant II), times 2^16:
    // it is a multiple of 16 at least, and no two living threads have the same.
    static Owner self() {
        Owner pointer = 0;
        asm("mov %%fs:0, %0" : "=r"(pointer));
        return pointer << 16;
    }
    // Read two bytes too early the thread pointer is that product: what lies before it, this library's thread-local
    // storage or another's, is the slack.
    [[gnu::always_inline]] static std::uint64_t plus_self(std::uint64_t n,
                                                          std::uint64_t const& word) {
        asm("add %1, %0\n\tadd %%fs:-2, %0" : "+r"(n) : "m"(word) : "cc");
        return n;
    }
};

using ProcessArena = Arena<Config>;
using ThreadHeap = LocalHeap<Config>;
static_assert(sizeof(ThreadHeap) <= page_bytes, "every thread has one");

#pragma GCC visibility push(hidden)  // found without the global offset table
extern constinit ProcessArena arena;
// What threads have before they first need a heap, and, a word behind it, while their own is at work in a way that
// takes long: nothing is at hand there, and nothing is put there. One behind the other they would have first words in two
// pages, which every program would have of its own: the loader relocates them.
struct StandIns {
    ThreadHeap none{ThreadHeap::Shared{}};
    void* more = nullptr;
};
extern constinit StandIns stand_ins;
inline constexpr ThreadHeap& no_heap = stand_ins.none;
inline ThreadHeap* busy_heap() {
    return reinterpret_cast<ThreadHeap*>(reinterpret_cast<void**>(&stand_ins) + 1);
}
// Initial-exec, so that it is found without a call (and cannot allocate): 8 bytes of the room that
// libraries share.
extern thread_local constinit ThreadHeap* thread_heap [[gnu::tls_model("initial-exec")]];
#pragma GCC visibility pop

// Around such a way: a signal handler that wants a heap meanwhile comes to make_heap(), which says so and makes none.
class AtWork {
  public:
    explicit AtWork(ThreadHeap& heap) : heap_(heap) {
        thread_heap = busy_heap();
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    ~AtWork() {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        thread_heap = &heap_;
    }
    AtWork(AtWork const&) = delete;
    AtWork& operator=(AtWork const&) = delete;

  private:
    ThreadHeap& heap_;
};
template <typename Function>
void* at_work(ThreadHeap& heap, Function function) {
    AtWork const at_work(heap);
    return function(heap);
}
// Whether who calls is a signal handler that interrupted a heap at work; that is reported.
bool is_interrupting();
void report_interruption();

// The calling thread's heap, made if need be; null if there is no memory for it, or for a signal handler that
// interrupted it.
[[gnu::noinline]] ThreadHeap* make_heap();
inline bool has_heap() { return thread_heap != &no_heap && thread_heap != busy_heap(); }
inline ThreadHeap* own_heap() { return has_heap() ? thread_heap : make_heap(); }
// Asks the program's handler, if it has one, whether to try again after there was no memory for so many bytes.
// Says no, and ENOMEM, for what nobody could have.
bool may_try_again(std::size_t bytes);
// A block of `bytes` that the calling thread's heap makes, or that `otherwise` does when the window is
// full; null, and ENOMEM, if neither can.
template <auto own = own_heap, typename Function, typename Otherwise>
void* allocate_with_heap(std::size_t bytes, Function function, Otherwise otherwise) {
    for (;;) {
        auto* const heap = own();
        void* block = heap != nullptr ? at_work(*heap, function) : nullptr;
        if (block == nullptr && bytes >= least_beyond) [[unlikely]] {
            block = otherwise();
        }
        if (block != nullptr || !may_try_again(bytes)) {
            return block;
        }
    }
}

template <auto own = own_heap, typename Function>
void* allocate_with_heap(std::size_t bytes, Function function) {
    return allocate_with_heap<own>(bytes, function,
                                   [=] { return allocate_beyond(quantum, bytes); });
}

// What malloc and free do not do at once. Without parameters for what is the process's, so that the
// fast ways have all registers. malloc_slow sets errno.
[[gnu::noinline]] void* allocate_slow(std::size_t bytes, Origin origin);
[[gnu::noinline]] void free_slow_as(void* pointer, Freed freed);
[[gnu::noinline]] void slab_changed(Unit& slab);

}  // namespace slab::hosted
