// One processor's free frames: taken and given back without the lock that all share. Refilled and
// spilled by batches, which are neighbours in memory while it is fresh: then two processors seldom write
// one line of metadata.
#pragma once

#include "kernel/frame_allocator.hpp"

#include <algorithm>
#include <array>
#include <span>

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
        return PhysPage::numbered(slots_[count_--]);
    }
    void give(FrameAllocator& frames, PhysPage page) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (count_ == capacity) [[unlikely]] {
            spill(frames);
        }
        slots_[++count_] = static_cast<std::uint32_t>(page.number());
    }

    // A frame's number if the cache has one at once, else 0. Without a check of the bounds: this is in
    // every page that a program asks for.
#pragma clang unsafe_buffer_usage begin
    std::uint32_t take_cached() NO_THREAD_SAFETY_ANALYSIS {
        if (!lock_.try_lock()) [[unlikely]] {
            return 0;
        }
        auto const number = *(slots_.data() + count_);
        if (number != 0) [[likely]] {
            machine::decrement_in_place(count_);
        }
        lock_.unlock();
        return number;
    }
#pragma clang unsafe_buffer_usage end
    // Frames whose metadata says that they are free already. Inlined: this is in every page that a
    // program gives back.
    [[gnu::always_inline]] void give_many(FrameAllocator& frames,
                                          std::span<std::uint32_t const> from) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (from.size() > capacity - count_) [[unlikely]] {
            frames.free_many(from);
            return;
        }
        std::ranges::copy(from, numbers().subspan(count_).begin());
        count_ += static_cast<std::uint32_t>(from.size());
    }
    // As many frame numbers as fit, the next one last, or none and false.
    bool take_many(FrameAllocator& frames, std::span<std::uint32_t> to) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (count_ < to.size()) [[unlikely]] {
            return take_directly(frames, to);
        }
        count_ -= static_cast<std::uint32_t>(to.size());
        std::ranges::copy(numbers().subspan(count_, to.size()), to.begin());
        return true;
    }

    // Gives all back to the allocator; any processor may ask.
    void drain(FrameAllocator& frames) EXCLUDES(lock_);
    std::uint64_t count() const EXCLUDES(lock_);

    // For the invariant checker.
    void mark_free(std::span<std::uint8_t> marks) const EXCLUDES(lock_);

  private:
    static constexpr std::size_t capacity = 352;  // programs get and return pages by the 256
    static constexpr std::size_t batch = 64;

    Result<void> refill(FrameAllocator& frames) REQUIRES(lock_);
    void spill(FrameAllocator& frames) REQUIRES(lock_);
    // Refills, or for many goes past the cache.
    bool take_directly(FrameAllocator& frames, std::span<std::uint32_t> to) REQUIRES(lock_);

    std::span<std::uint32_t> numbers() REQUIRES(lock_) { return std::span(slots_).subspan(1); }
    std::span<std::uint32_t const> numbers() const REQUIRES(lock_) {
        return std::span(slots_).subspan(1);
    }

    mutable SpinLock lock_{Rank::cache};
    std::uint32_t count_ GUARDED_BY(lock_) = 0;
    // Frame numbers behind a 0, so that what lies on top says whether there is one.
    std::array<std::uint32_t, 1 + capacity> slots_ GUARDED_BY(lock_){};
};

}  // namespace quarry
