// The program's heap. `malloc`, `operator new` and std::pmr's default resource all come from it.
#pragma once

#include "heap/heap.hpp"
#include "user/rt/mutex.hpp"
#include "user/rt/page_source.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace quarry {

using ProgramHeap = slab::Heap<QuarrySource>;

// The heap and its lock, which nobody takes while the program has one thread: the first other thread
// makes it shared, for good. Everything but what malloc and free find at hand goes through with().
class SharedHeap {
  public:
    constexpr SharedHeap() = default;

    [[gnu::always_inline]] void* allocate(std::size_t bytes) {
        return heap_.allocate_below(
            open_bytes_, bytes, [this](std::size_t more) { return allocate_slow(more, *this); });
    }
    [[gnu::always_inline]] void free(void* block) {
        heap_.free_below(open_metadata_end_, block,
                         [this](void* other) { free_slow(other, *this); });
    }
    [[gnu::always_inline]] void free(void* block, std::size_t bytes) {
        heap_.free_sized_below(open_bytes_, block, bytes, [this, bytes](void* other) {
            free_sized_slow(other, bytes, *this);
        });
    }
    template <typename Function>
    auto with(Function function) {
        if (is_shared_) {
            Guard const guard(*this);
            return function(heap_);
        }
        Opening const opening(*this);
        return function(heap_);
    }
    void share() {
        is_shared_ = true;
        open_bytes_ = 0;
        open_metadata_end_ = 0;
    }
    bool is_shared() const { return is_shared_; }

    // While one of these exists nobody is within the heap. Both sides of a fork let go.
    class Guard {
      public:
        explicit Guard(SharedHeap& heap) : heap_(heap) { heap_.mutex_.lock(); }
        ~Guard() { heap_.mutex_.unlock(); }
        Guard(Guard const&) = delete;
        Guard& operator=(Guard const&) = delete;

      private:
        SharedHeap& heap_;
    };

  private:
    // A way that may have made the heap longer: the ways without a lock know it then.
    class Opening {
      public:
        explicit Opening(SharedHeap& heap) : heap_(heap) {}
        ~Opening() { heap_.open_metadata_end_ = heap_.heap_.metadata_end(); }
        Opening(Opening const&) = delete;
        Opening& operator=(Opening const&) = delete;

      private:
        SharedHeap& heap_;
    };

    // The heap comes last, so that the ways without a lock move no parameter.
    [[gnu::noinline]] static void* allocate_slow(std::size_t bytes, SharedHeap& heap) {
        return heap.with([=](ProgramHeap& own) { return own.allocate(bytes); });
    }
    [[gnu::noinline]] static void free_slow(void* block, SharedHeap& heap) {
        heap.with([=](ProgramHeap& own) { own.free(block); });
    }
    [[gnu::noinline]] static void free_sized_slow(void* block, std::size_t bytes,
                                                  SharedHeap& heap) {
        heap.with([=](ProgramHeap& own) { own.free(block, bytes); });
    }

    ProgramHeap heap_;
    Mutex mutex_;
    bool is_shared_ = false;
    // What the ways without a lock may serve is less; nothing is, when the heap is shared, so that they need not ask
    // whether it is.
    std::size_t open_bytes_ = slab::fine_end;
    std::uintptr_t open_metadata_end_ = 0;
};
extern constinit SharedHeap program_heap;

// The heap as a std::pmr resource.
std::pmr::memory_resource* heap_resource();

slab::Statistics heap_statistics();
// Gives all of the heap's memory back; every block is gone.
void release_heap();

// Prints the heap's statistics, and what its memory looks like if the runner asks for that.
void print_heap_statistics();

}  // namespace quarry
