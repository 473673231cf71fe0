#include "kernel/memory.hpp"

#include "kernel/processor.hpp"

namespace quarry {

Result<PhysPage> Memory::allocate_page() {
    auto& cache = this_processor().frames;
    if (auto const page = cache.take(frames)) [[likely]] {
        return page;
    }
    drain_caches();
    return cache.take(frames);
}

Result<void> Memory::allocate_pages(std::span<std::uint32_t> numbers) {
    auto& cache = this_processor().frames;
    if (!cache.take_many(frames, numbers)) [[unlikely]] {
        drain_caches();
        if (!cache.take_many(frames, numbers)) {
            return Error::out_of_frames;
        }
    }
    return {};
}

Result<PhysPage> Memory::allocate_huge() {
    if (auto const first = frames.allocate_huge()) {
        return first;
    }
    drain_caches();
    return frames.allocate_huge();
}

void Memory::free_page(PhysPage page) {
    auto& meta = frames.meta(page);
    meta.kind = FrameKind::free;
    this_processor().frames.give(frames, page);
}

void Memory::drain_caches() {
    each_processor([&](Processor& processor) { processor.frames.drain(frames); });
}

std::uint64_t Memory::free_frames() const {
    auto free = frames.free_frames();
    each_processor([&](Processor const& processor) { free += processor.frames.count(); });
    return free;
}

void Memory::mark_free(std::span<std::uint8_t> marks) const {
    frames.mark_free(marks);
    each_processor([&](Processor const& processor) { processor.frames.mark_free(marks); });
}

}  // namespace quarry
