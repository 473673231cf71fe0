// The process's hardened heap, which takes the other one's place if SLAB_HARDENED=1 says so, or the
// library was built that way. The other one's fast ways then find nothing at hand and no block of theirs,
// and so cost the same whichever it is.
#pragma once

#include "heap/hardened_heap.hpp"
#include "heap/linux/profile.hpp"
#include "heap/linux/threads.hpp"

#include <atomic>

namespace slab::hosted {

struct HardenedConfig : Config {
    static constexpr bool hardened = true;
};

using HardenedThreadHeap = HardenedHeap<HardenedConfig>;

#pragma GCC visibility push(hidden)
extern constinit Arena<HardenedConfig> hardened_arena;
struct HardenedThread {
    // Null before the first use of it, and while the other heap serves.
    HardenedThreadHeap* own = nullptr;
    // The same for who wants to use it; null while it is at work, so that a signal handler that interrupts it is told
    // from its program.
    HardenedThreadHeap* idle = nullptr;

    bool is_at_work() const { return idle != own; }
    void have(HardenedThreadHeap* heap) { own = idle = heap; }
};
extern thread_local constinit HardenedThread hardened_thread [[gnu::tls_model("initial-exec")]];

// Around all that a hardened heap does. What is done with it, the fast ways too, is whole, or a signal handler's
// call is refused.
inline void begin_hardened_work() {
    hardened_thread.idle = nullptr;
    std::atomic_signal_fence(std::memory_order_seq_cst);
}
inline void end_hardened_work(HardenedThreadHeap& heap) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    hardened_thread.idle = &heap;
}
class HardenedAtWork {
  public:
    explicit HardenedAtWork(HardenedThreadHeap& heap) : heap_(heap) { begin_hardened_work(); }
    ~HardenedAtWork() { end_hardened_work(heap_); }
    HardenedAtWork(HardenedAtWork const&) = delete;
    HardenedAtWork& operator=(HardenedAtWork const&) = delete;

  private:
    HardenedThreadHeap& heap_;
};
template <typename Function>
void* at_work(HardenedThreadHeap& heap, Function function) {
    HardenedAtWork const at_work(heap);
    return function(heap);
}

// Whether it is the hardened heap that serves. Decided when first asked, once the environment is known.
bool is_hardened_slow();
inline bool is_hardened() { return thread_heap == &no_heap && is_hardened_slow(); }

// Of whichever heap serves; ENOMEM on null.
void* allocate_aligned(std::size_t alignment, std::size_t bytes, Origin origin);

// Of whichever serves, for when its window is full: the block's contents in a mapping of their own, and it is
// freed. Null if it is no block of the window's, or there is no memory.
void* go_beyond(void* pointer, std::size_t bytes);
// A block that has a mapping of its own, in another size; back into the window if it is small.
void* reallocate_beyond(void* pointer, std::size_t bytes);

void* hardened_allocate(std::size_t alignment, std::size_t bytes, Origin origin);
void hardened_free(void* pointer, Freed freed);
void* hardened_reallocate(void* pointer, std::size_t bytes);
std::size_t hardened_usable_bytes(void const* pointer);
void hardened_trim();
// Looks at what is free in the calling thread's heap.
void hardened_check();

// The ends of fast ways, which keep no register for them: the work has begun, and ends here.
void* finish_unclean(HardenedThreadHeap& heap, std::uintptr_t address, Tag tag, std::size_t size);
void finish_rest(HardenedThreadHeap& heap, Unit& slab, std::uintptr_t address);
void finish_back(HardenedThreadHeap& heap, std::uintptr_t* block);
void finish_changed(HardenedThreadHeap& heap, Unit& slab);

// Around a fork.
void lock_hardened();
enum class Side : bool { parent, child };
void unlock_hardened(Side side);
#pragma GCC visibility pop

// The fast ways, of a block at hand and of a good one that is freed; one of each, for any origin.
using SlowWay = void*(std::size_t bytes, Origin origin);
void* take_hardened(std::size_t bytes, Origin origin, SlowWay* slow);
void free_as_hardened(void* pointer, Freed freed);
template <Origin origin>
void* malloc_hardened(std::size_t bytes) {
    return take_hardened(bytes, origin, allocate_slow);
}

}  // namespace slab::hosted
