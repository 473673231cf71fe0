#include "heap/linux/beyond.hpp"

#include "heap/arena.hpp"
#include "heap/linux/block_table.hpp"
#include "heap/linux/futex_lock.hpp"
#include "heap/linux/source.hpp"

#include <algorithm>
#include <mutex>

namespace slab::hosted {

constinit std::atomic<std::uint32_t> blocks_beyond = 0;

namespace {

constinit FutexLock lock;
constinit BlockTable<16> table;
constinit std::atomic<std::size_t> total = 0;

std::uintptr_t address_of(void const* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }
std::size_t whole(std::size_t bytes) { return whole_pages(bytes) * page_bytes; }

void* map(std::size_t bytes) {
    void* const got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return got == MAP_FAILED ? nullptr : got;
}

// A mapping that begins at a multiple; what is not needed of it goes back.
std::byte* map_aligned(std::size_t alignment, std::size_t bytes) {
    auto const extra = alignment > page_bytes ? alignment - page_bytes : 0;
    auto* const got = static_cast<std::byte*>(map(bytes + extra));
    if (got == nullptr || extra == 0) {
        return got;
    }
    auto const skip = (alignment - address_of(got) % alignment) % alignment;
    if (skip != 0) {
        munmap(got, skip);
    }
    if (skip != extra) {
        munmap(got + skip + bytes, extra - skip);
    }
    return got + skip;
}

}  // namespace

void* allocate_beyond(std::size_t alignment, std::size_t bytes) {
    if (bytes < least_beyond || bytes > max_request || alignment > max_request) {
        return nullptr;
    }
    std::lock_guard const guard(lock);
    if (table.is_full()) {
        return nullptr;
    }
    auto const size = whole(bytes);
    auto* const block = map_aligned(alignment, size);
    if (block != nullptr) {
        table.add({address_of(block), size});
        blocks_beyond.fetch_add(1, std::memory_order_relaxed);
        total.fetch_add(size, std::memory_order_relaxed);
    }
    return block;
}

std::size_t bytes_beyond(void const* pointer) {
    std::lock_guard const guard(lock);
    return pointer == nullptr ? 0 : table.find(address_of(pointer))->bytes;
}

bool free_beyond(void* pointer) {
    KeepErrno const kept;
    std::lock_guard const guard(lock);
    auto* const entry = table.find(address_of(pointer));
    auto const bytes = pointer == nullptr ? 0 : entry->bytes;
    if (bytes == 0) {
        return false;
    }
    table.remove(entry);
    blocks_beyond.fetch_sub(1, std::memory_order_relaxed);
    total.fetch_sub(bytes, std::memory_order_relaxed);
    munmap(pointer, bytes);
    return true;
}

void* resize_beyond(void* pointer, std::size_t bytes) {
    if (bytes < least_beyond || bytes > max_request) {
        return nullptr;
    }
    std::lock_guard const guard(lock);
    auto* const entry = table.find(address_of(pointer));
    auto const before = entry->bytes;
    auto const size = whole(bytes);
    void* const now = before == 0 ? MAP_FAILED : mremap(pointer, before, size, MREMAP_MAYMOVE);
    if (now == MAP_FAILED) {
        return nullptr;
    }
    table.remove(entry);
    table.add({address_of(now), size});
    total.fetch_add(size - before, std::memory_order_relaxed);
    return now;
}

bool move_pages_beyond(void* from, void* to, std::size_t bytes) {
    auto const size = whole(bytes);
    if (bytes < least_moved || address_of(from) % page_bytes != 0) {
        return false;
    }
    if (mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) !=
        MAP_FAILED) {
        return true;
    }
    // What was at the new place may be gone: see Source::remap.
    if (mmap(to, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        report("memory of the heap's own was lost to a failed mremap", to, size);
    }
    return false;
}

std::size_t total_beyond() { return total.load(std::memory_order_relaxed); }

void lock_beyond() { lock.lock(); }
void unlock_beyond(bool in_child) {
    if (in_child) {
        lock.unlock_in_child();
    } else {
        lock.unlock();
    }
}

}  // namespace slab::hosted
