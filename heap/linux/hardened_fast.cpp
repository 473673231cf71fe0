// The hardened heap's fast ways.
#include "heap/linux/hardened.hpp"

namespace slab::hosted {
namespace {

struct Allocation {
    HardenedThreadHeap& heap;
    std::size_t bytes;
    Origin origin;
    SlowWay* slow_way;

    void* slow() {
        end_hardened_work(heap);
        return slow_way(bytes, origin);
    }
    void* unclean(std::uintptr_t address, std::size_t size) {
        return finish_unclean(heap, address, {bytes, origin}, size);
    }
    void* done(void* block) {
        end_hardened_work(heap);
        return block;
    }
};

struct Free {
    HardenedThreadHeap& heap;
    void* pointer;
    Freed freed;

    // Another heap's, maybe.
    void bad() {
        end_hardened_work(heap);
        free_slow_as(pointer, freed);
    }
    void rest(Unit& slab, std::uintptr_t address) { finish_rest(heap, slab, address); }
    void back(std::uintptr_t* block) { finish_back(heap, block); }
    void changed(Unit& slab) { finish_changed(heap, slab); }
    void done() { end_hardened_work(heap); }
};

}  // namespace

void* take_hardened(std::size_t bytes, Origin origin, SlowWay* slow) {
    auto* const heap = hardened_thread.idle;
    if (heap == nullptr) [[unlikely]] {
        return slow(bytes, origin);
    }
    begin_hardened_work();
    return heap->allocate(hardened_arena, bytes, origin, Allocation{*heap, bytes, origin, slow});
}

void free_as_hardened(void* pointer, Freed freed) {
    auto* const heap = hardened_thread.idle;
    if (heap == nullptr) [[unlikely]] {
        return free_slow_as(pointer, freed);
    }
    begin_hardened_work();
    heap->free(hardened_arena, pointer, freed, Free{*heap, pointer, freed});
}

}  // namespace slab::hosted
