// A heap that is an object: an arena, and one thread at a time in it. For programs with one thread,
// kernels, firmware; with a lock, for several threads.
#pragma once

#include "heap/dump.hpp"
#include "heap/local_heap.hpp"
#include "heap/statistics.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>

namespace slab {

template <PageSource PageSourceType, typename LockType = NoLock>
struct SingleConfig {
    using Source = PageSourceType;
    using Lock = NoLock;  // the heap's own lock is around everything
    // All slabs are its own.
    static constexpr Owner self() { return 0; }
    static std::uint64_t plus_self(std::uint64_t n, std::uint64_t const& word) { return n + word; }
};

template <PageSource Source, typename Lock = NoLock>
class Heap {
  public:
    // Constant-initialised: works before any constructor has run.
    constexpr explicit Heap(Source source = {}) : arena_(source) {}
    Heap(Heap const&) = delete;
    Heap& operator=(Heap const&) = delete;

    // `bytes` bytes aligned to 16 (to 8, if they are no more), or null. Zero bytes give a block of its
    // own.
    [[gnu::always_inline]] void* allocate(std::size_t bytes) {
        Guard const guard(lock_);
        return Local::allocate(local_, arena_, bytes,
                               [this](std::size_t more) { return allocate_slow(more, *this); });
    }
    // As allocate, at a multiple of `alignment`: a power of two up to 2 MiB, else null.
    void* allocate_aligned(std::size_t alignment, std::size_t bytes) {
        Guard const guard(lock_);
        return retry(bytes,
                     [=, this] { return local_.allocate_aligned(arena_, alignment, bytes); });
    }
    // As allocate, every byte zero. Null too if count * bytes overflows.
    void* allocate_zeroed(std::size_t count, std::size_t bytes) {
        Guard const guard(lock_);
        return retry(bytes, [=, this] { return local_.allocate_zeroed(arena_, count, bytes); });
    }
    // Gives a block back. Anything else than a block in use is reported.
    [[gnu::always_inline]] void free(void* pointer) {
        Guard const guard(lock_);
        Local::free(
            arena_, pointer, [this](void* other) { local_.free_slow(arena_, other); },
            [this](Unit& slab) { local_.slab_changed(arena_, slab); });
    }
    // The same of a block that allocate() or allocate_zeroed() gave for so many bytes; that takes fewer steps. A size of
    // another group of classes is reported.
    [[gnu::always_inline]] void free(void* pointer, std::size_t bytes) {
        Guard const guard(lock_);
        Local::free_sized(local_, arena_, pointer, bytes, [this, bytes](void* other) {
            local_.free_sized_slow(arena_, other, bytes);
        });
    }
    // The same of a block that allocate_aligned() gave; what is not known is unknown_bytes, and 1.
    void free(void* pointer, std::size_t bytes, std::size_t alignment) {
        if (alignment <= quantum && bytes != unknown_bytes) {
            return free(pointer, std::max(bytes, alignment));  // the class is the larger one's
        }
        Guard const guard(lock_);
        local_.free_slow(arena_, pointer,
                         {.bytes = bytes, .alignment = Freed::alignment_of(alignment)});
    }
    // For a front that has a slow way of its own, without the heap's lock: as LocalHeap's. What the front is to
    // know of: free_below() knows metadata below metadata_end() at most.
    template <typename Slow>
    [[gnu::always_inline]] void* allocate_below(std::size_t end, std::size_t bytes, Slow slow) {
        return Local::allocate(local_, arena_, bytes, slow, end);
    }
    template <typename Slow>
    [[gnu::always_inline]] void free_below(std::uintptr_t metadata_end, void* pointer, Slow slow) {
        Local::free_below(metadata_end, arena_, pointer, slow,
                          [this](Unit& slab) { local_.slab_changed(arena_, slab); });
    }
    template <typename Slow>
    [[gnu::always_inline]] void free_sized_below(std::size_t end, void* pointer, std::size_t bytes,
                                                 Slow slow) {
        Local::free_sized(local_, arena_, pointer, bytes, slow, end);
    }
    std::uintptr_t metadata_end() const { return arena_.runs().metadata_end(); }
    // Changes a block's size; its contents move with it. On null the old block stays as it is.
    void* reallocate(void* pointer, std::size_t bytes) {
        Guard const guard(lock_);
        return retry(bytes, [=, this] { return local_.reallocate(arena_, pointer, bytes); });
    }
    // What the block can hold; at least what was asked.
    std::size_t usable_bytes(void const* pointer) {
        Guard const guard(lock_);
        return local_.usable_bytes(arena_, pointer);
    }
    // Whether the pointer lies in this heap's memory.
    bool owns(void const* pointer) const {
        return arena_.unit_at(reinterpret_cast<std::uintptr_t>(pointer)) != nullptr;
    }
    // Calls handler(context, bytes), without the lock, when there is no memory for so many; if it says yes, for
    // it has freed some, it is tried again. Null: nobody is asked.
    using OutOfMemory = bool (*)(void* context, std::size_t bytes);
    void set_out_of_memory_handler(OutOfMemory handler, void* context) {
        Guard const guard(lock_);
        out_of_memory_ = handler;
        context_ = context;
    }
    // Gives back what is held for later.
    void trim() {
        Guard const guard(lock_);
        local_.trim(arena_);
        arena_.trim();
    }
    Statistics statistics() {
        Guard const guard(lock_);
        auto s = statistics_of(arena_.runs());
        for (std::size_t i = 0; i < class_count; ++i) {
            auto const at_hand = local_.at_hand(arena_, i);
            s.classes[i].blocks_in_use -= at_hand;
            s.in_use_bytes -= std::uint64_t{at_hand} * class_bytes(i);
        }
        return s;
    }
    // What its memory looks like: heap/dump.hpp.
    template <typename Out>
    void dump_to(Out& out) {
        Guard const guard(lock_);
        dump(arena_.runs(), out);
    }
    // Gives everything back at once; every block is gone.
    void release() {
        Guard const guard(lock_);
        arena_.release();
        std::destroy_at(&local_);
        std::construct_at(&local_);
    }

  private:
    using Guard = std::lock_guard<Lock>;
    using Config = SingleConfig<Source, Lock>;
    using Local = LocalHeap<Config>;

    // What is not at hand. The parameters are in this order so that the fast way moves none.
    [[gnu::noinline]] static void* allocate_slow(std::size_t bytes, Heap& heap) {
        auto& local = heap.local_;
        if (bytes <= fine_limit) {
            if (void* const block = local.take_ending(heap.arena_, local.serving_fine(bytes)))
                [[likely]] {
                return block;
            }
        }
        return heap.retry(bytes, [&] { return heap.local_.allocate_slow(heap.arena_, bytes); });
    }
    // Under the lock, as is the result.
    template <typename Function>
    void* retry(std::size_t bytes, Function function) {
        for (;;) {
            void* const block = function();
            if (block != nullptr || out_of_memory_ == nullptr || bytes > max_request) {
                return block;
            }
            auto* const handler = out_of_memory_;
            auto* const context = context_;
            lock_.unlock();
            bool const again = handler(context, bytes);
            lock_.lock();
            if (!again) {
                return nullptr;
            }
        }
    }

    Arena<Config> arena_;
    Local local_;
    OutOfMemory out_of_memory_ = nullptr;
    void* context_ = nullptr;
    [[no_unique_address]] Lock lock_;
};

}  // namespace slab
