// One processor's free frames: taken and given back without the lock that all share. Refilled and
// spilled by batches, which are neighbours in memory while it is fresh: then two processors seldom write
// one line of metadata.
#pragma once

#include "kernel/frame_allocator.hpp"

#include <array>

namespace quarry {

class FrameCache {
  public:
    constexpr FrameCache() = default;

    // A frame with unknown contents; out_of_frames when neither the cache nor the allocator has
    // one (others' caches may).
    Result<PhysPage> take(FrameAllocator& frames) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (count_ == 0) [[unlikely]] {
            TRY(refill(frames));
        }
        return PhysPage::numbered(numbers_[--count_]);
    }
    void give(FrameAllocator& frames, PhysPage page) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (count_ == capacity) [[unlikely]] {
            spill(frames);
        }
        numbers_[count_++] = static_cast<std::uint32_t>(page.number());
    }

    // A frame's number if the cache has one, else 0.
    std::uint32_t take_cached() EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        return count_ != 0 ? numbers_[--count_] : 0;
    }
    // As many frame numbers as fit, or none and false.
    bool take_many(FrameAllocator& frames, std::span<std::uint32_t> to) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (count_ < to.size()) [[unlikely]] {
            return take_directly(frames, to);
        }
        for (auto& number : to) {
            number = numbers_[--count_];
        }
        return true;
    }

    // Gives all back to the allocator; any processor may ask.
    void drain(FrameAllocator& frames) EXCLUDES(lock_);
    std::uint64_t count() const EXCLUDES(lock_);

    // For the invariant checker.
    void mark_free(std::span<std::uint8_t> marks) const EXCLUDES(lock_);

  private:
    static constexpr std::size_t capacity = 128;
    static constexpr std::size_t batch = 64;

    Result<void> refill(FrameAllocator& frames) REQUIRES(lock_);
    void spill(FrameAllocator& frames) REQUIRES(lock_);
    // Refills, or for many goes past the cache.
    bool take_directly(FrameAllocator& frames, std::span<std::uint32_t> to) REQUIRES(lock_);

    mutable SpinLock lock_{Rank::cache};
    std::uint32_t count_ GUARDED_BY(lock_) = 0;
    std::array<std::uint32_t, capacity> numbers_ GUARDED_BY(lock_){};
};

}  // namespace quarry
