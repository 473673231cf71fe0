// A heap as a std::pmr resource.
#pragma once

#include "heap/heap.hpp"

#include <cstddef>
#include <memory_resource>
#include <new>

namespace slab {

// Throws bad_alloc when the heap has no memory, as the interface wants it; so not for freestanding code,
// whose resource is user/rt's to copy. The heap outlives it.
template <typename HeapType>
class MemoryResource final : public std::pmr::memory_resource {
  public:
    explicit MemoryResource(HeapType& heap) : heap_(&heap) {}

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        void* const block = heap_->allocate_aligned(alignment, bytes);
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        return block;
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
        heap_->free(block, bytes, alignment);
    }
    bool do_is_equal(std::pmr::memory_resource const& other) const noexcept override {
        auto const* const same = dynamic_cast<MemoryResource const*>(&other);
        return same != nullptr && same->heap_ == heap_;
    }

    HeapType* heap_;
};

}  // namespace slab
