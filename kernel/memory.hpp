// All physical memory: the allocator behind the processors' caches, and the accounts that pay.
#pragma once

#include "kernel/account.hpp"
#include "kernel/frame_allocator.hpp"

namespace quarry {

class Memory {
  public:
    constexpr Memory() = default;

    FrameAllocator frames;
    AccountTable accounts;

    // Frames with unknown contents. out_of_frames only when no processor has one in its cache.
    Result<PhysPage> allocate_page();
    // So many single ones, or none.
    Result<void> allocate_pages(std::span<std::uint32_t> numbers);
    Result<PhysPage> allocate_huge();
    void free_page(PhysPage page);
    void free_huge(PhysPage first) { frames.free_huge(first); }

    FrameMeta& meta(PhysPage page) { return frames.meta(page); }
    std::uint64_t free_frames() const;
    // For the invariant checker: sets marks[frame] of every free frame.
    void mark_free(std::span<std::uint8_t> marks) const;

  private:
    void drain_caches();
};

}  // namespace quarry
