#include "kernel/frame_cache.hpp"

#include <algorithm>

namespace quarry {

Result<void> FrameCache::refill(FrameAllocator& frames) {
    count_ = static_cast<std::uint32_t>(frames.allocate_many(numbers().first(batch)));
    if (count_ == 0) {
        return Error::out_of_frames;
    }
    // Lowest on top: fresh frames are handed out in ascending order.
    std::ranges::reverse(numbers().first(count_));
    return {};
}

void FrameCache::spill(FrameAllocator& frames) {
    // The oldest ones go; the newest may still be in the processor's own cache.
    frames.free_many(numbers().first(batch));
    std::ranges::copy(numbers().subspan(batch), numbers().begin());
    count_ -= batch;
}

bool FrameCache::take_directly(FrameAllocator& frames, std::span<std::uint32_t> to) {
    auto const count = frames.allocate_many(to);
    if (count != to.size()) {
        frames.free_many(to.first(count));
        return false;
    }
    if (count_ == 0) {
        (void)refill(frames);
    }
    return true;
}

void FrameCache::drain(FrameAllocator& frames) {
    LockGuard const guard(lock_);
    frames.free_many(numbers().first(count_));
    count_ = 0;
}

std::uint64_t FrameCache::count() const {
    LockGuard const guard(lock_);
    return count_;
}

void FrameCache::mark_free(std::span<std::uint8_t> marks) const {
    LockGuard const guard(lock_);
    for (auto const number : numbers().first(count_)) {
        marks[number] = 1;
    }
}

}  // namespace quarry
