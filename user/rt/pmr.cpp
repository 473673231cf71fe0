// The heap as a std::pmr resource, and what <memory_resource> expects from its library.
#include "user/rt/malloc.hpp"

#include <new>

namespace std::pmr {
memory_resource::~memory_resource() = default;
}  // namespace std::pmr

namespace quarry {
namespace {

class HeapResource final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        return operator new(bytes, std::align_val_t{alignment});
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
        operator delete(block, bytes, std::align_val_t{alignment});
    }
    bool do_is_equal(std::pmr::memory_resource const& other) const noexcept override {
        return this == &other;
    }
};

}  // namespace

std::pmr::memory_resource* heap_resource() {
    // Never destroyed: blocks may be freed until the very end.
    alignas(HeapResource) static std::byte storage[sizeof(HeapResource)];
    static auto* const resource = new (storage) HeapResource;
    return resource;
}

}  // namespace quarry
