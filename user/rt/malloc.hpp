// The program's heap. `malloc`, `operator new` and std::pmr's default resource all come from it.
#pragma once

#include "heap/heap.hpp"
#include "user/rt/mutex.hpp"
#include "user/rt/page_source.hpp"

#include <memory_resource>

namespace quarry {

using ProgramHeap = slab::Heap<QuarrySource>;

// The heap and its lock, which nobody takes while the program has one thread: the first other thread
// makes it shared, for good. Everything but malloc and free, which look for themselves, goes through
// with().
class SharedHeap {
  public:
    constexpr SharedHeap() = default;

    [[gnu::always_inline]] void* allocate(std::size_t bytes) {
        if (is_shared_) [[unlikely]] {
            return allocate_shared(bytes);
        }
        return heap_.allocate(bytes);
    }
    [[gnu::always_inline]] void free(void* block) {
        if (is_shared_) [[unlikely]] {
            return free_shared(block);
        }
        heap_.free(block);
    }
    template <typename Function>
    auto with(Function function) {
        if (is_shared_) [[unlikely]] {
            return with_lock(function);
        }
        return function(heap_);
    }
    void share() { is_shared_ = true; }
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
    [[gnu::noinline]] void* allocate_shared(std::size_t bytes) {
        Guard const guard(*this);
        return heap_.allocate(bytes);
    }
    [[gnu::noinline]] void free_shared(void* block) {
        Guard const guard(*this);
        heap_.free(block);
    }
    template <typename Function>
    [[gnu::noinline]] auto with_lock(Function function) {
        Guard const guard(*this);
        return function(heap_);
    }

    ProgramHeap heap_;
    Mutex mutex_;
    bool is_shared_ = false;
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
