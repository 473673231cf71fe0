// Hands out 4 KiB and 2 MiB frames. Memory is kept in blocks of 2 MiB; a block whose 512 frames are
// all free is a 2 MiB frame again, so nothing fragments for good. Blocks and frame metadata are set
// up when first used: boot costs the same on 64 MiB and on 20 GiB.
#pragma once

#include "base/address.hpp"
#include "base/result.hpp"
#include "kernel/frame_meta.hpp"
#include "kernel/lock.hpp"
#include "machine/machine.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace quarry {

// A stretch of usable memory, in whole frames.
struct MemoryRegion {
    PhysPage first;
    std::uint64_t frames = 0;
};

class FrameAllocator {
  public:
    constexpr FrameAllocator() = default;

    // Bytes of metadata for memory that ends at frame `end`.
    static std::size_t metadata_bytes(std::uint64_t end_frame);

    // Takes charge of the regions (ascending, disjoint, at most max_regions; the rest is ignored).
    // `metadata` has metadata_bytes(end) bytes that need not be zero and lie outside the regions.
    // Called once.
    void initialise(std::span<MemoryRegion const> regions, std::span<std::byte> metadata,
                    std::uint64_t end_frame);

    // Frames with unknown contents. out_of_frames when there is none of that size.
    Result<PhysPage> allocate_page() EXCLUDES(lock_);
    // Up to numbers.size() frame numbers at once; returns how many there were.
    std::size_t allocate_many(std::span<std::uint32_t> numbers) EXCLUDES(lock_);
    void free_many(std::span<std::uint32_t const> numbers) EXCLUDES(lock_);
    Result<PhysPage> allocate_huge() EXCLUDES(lock_);
    void free_page(PhysPage page) EXCLUDES(lock_);
    void free_huge(PhysPage first) EXCLUDES(lock_);
    // Makes an allocated 2 MiB frame 512 allocated 4 KiB frames; the caller sets their metadata.
    void split_huge(PhysPage first) EXCLUDES(lock_);

    // Metadata of an allocated frame.
    // Of any frame below the end of memory. Not checked again: numbers come from the allocator and from
    // page tables, and this is in every step of every page call.
#pragma clang unsafe_buffer_usage begin
    FrameMeta& meta(PhysPage page) { return metas_.data()[page.number()]; }
    FrameMeta const& meta(PhysPage page) const { return metas_.data()[page.number()]; }
    // The same of frames that page-table entries name, in fewer steps.
    class Metas {
      public:
        explicit Metas(FrameMeta* first)
            : base_(machine::metadata_address(__builtin_bit_cast(std::uint64_t, first))) {}
        FrameMeta& of_entry(std::uint64_t entry) const {
            constexpr auto shift = page_shift - std::countr_zero(sizeof(FrameMeta));
            static_assert(max_frames * sizeof(FrameMeta) <= std::uint64_t{1} << 32);
            auto const offset = static_cast<std::uint32_t>(entry >> shift) &
                                ~static_cast<std::uint32_t>(sizeof(FrameMeta) - 1);
            return *__builtin_bit_cast(FrameMeta*, base_ + offset);
        }
        FrameMeta& of(PhysPage frame) const {
            return *__builtin_bit_cast(FrameMeta*, base_ + frame.number() * sizeof(FrameMeta));
        }
        PhysPage frame_of(FrameMeta const& meta) const {
            return PhysPage::numbered((__builtin_bit_cast(std::uint64_t, &meta) - base_) /
                                      sizeof(FrameMeta));
        }

      private:
        std::uint64_t base_;
    };
    Metas metas() { return Metas{metas_.data()}; }
#pragma clang unsafe_buffer_usage end
    // Metadata of a frame outside the regions that programs may map (boot archive): set up here.
    FrameMeta& adopt(PhysPage page);
    bool covers(PhysPage page) const { return page.number() < metas_.size(); }

    std::uint64_t free_frames() const EXCLUDES(lock_);
    std::uint64_t total_frames() const { return total_frames_; }

    // For the invariant checker: sets marks[frame] of every frame the allocator holds as free.
    void mark_free(std::span<std::uint8_t> marks) const EXCLUDES(lock_);

    static constexpr std::size_t max_regions = 32;

  private:
    enum class BlockState : std::uint8_t { untouched, free, partial, exhausted, huge };

    struct Block {
        std::uint32_t next = none;
        std::uint32_t previous = none;
        std::uint16_t free_frames = 0;
        std::uint16_t fresh = huge_pages;     // frames from here on were never handed out
        std::uint16_t first_free = no_frame;  // head of the list of those that came back
        BlockState state = BlockState::untouched;
    };
    struct BlockList {
        std::uint32_t first = none;
    };
    struct Frontier {  // whole blocks of a region that were never touched
        std::uint64_t next = 0;
        std::uint64_t end = 0;
    };

    static constexpr std::uint32_t none = ~std::uint32_t{0};
    static constexpr std::uint16_t no_frame = 0xffff;

    std::optional<std::uint32_t> take_page() REQUIRES(lock_);
    void push(BlockList& list, std::uint32_t index) REQUIRES(lock_);
    void remove(BlockList& list, std::uint32_t index) REQUIRES(lock_);
    std::optional<std::uint32_t> take_whole_block() REQUIRES(lock_);
    void add_edge(std::uint64_t first_frame, std::uint64_t end_frame) REQUIRES(lock_);
    void free_in_block(PhysPage page) REQUIRES(lock_);

    mutable SpinLock lock_{Rank::frames};
    std::span<FrameMeta> metas_;
    std::span<Block> blocks_;
    std::array<Frontier, max_regions> frontiers_ GUARDED_BY(lock_){};
    std::uint64_t last_edge_ GUARDED_BY(lock_) = ~std::uint64_t{0};
    BlockList partial_ GUARDED_BY(lock_);
    BlockList whole_ GUARDED_BY(lock_);
    std::uint64_t free_frames_ GUARDED_BY(lock_) = 0;
    std::uint64_t total_frames_ = 0;
};

}  // namespace quarry
