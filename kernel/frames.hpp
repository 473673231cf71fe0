// Frames with owners: what holds a frame is visible in its type. Table frames and user frames are
// different types, so that no page table can be mapped into a program.
#pragma once

#include "base/address.hpp"
#include "kernel/frame_types.hpp"
#include "kernel/memory.hpp"

#include <cstddef>
#include <utility>

namespace quarry {

enum class FrameSize : std::uint8_t { page, huge };
constexpr std::uint64_t pages_in(FrameSize size) {
    return size == FrameSize::huge ? huge_pages : 1;
}

// Zeroed frames that nobody maps yet; freed unless taken.
class FrameBatch {
  public:
    static Result<FrameBatch> allocate(Memory& memory, std::size_t count, FrameSize size);
    FrameBatch(FrameBatch&& other) noexcept
        : memory_(other.memory_),
          size_(other.size_),
          first_(std::exchange(other.first_, {})),
          count_(std::exchange(other.count_, 0)) {}
    FrameBatch& operator=(FrameBatch&&) = delete;
    ~FrameBatch();

    // One frame out of the batch, for one mapping by the account that paid. At most `count` times.
    UserFrame take_for(AccountIndex owner);

  private:
    FrameBatch(Memory& memory, FrameSize size) : memory_(memory), size_(size) {}
    Memory& memory_;
    FrameSize size_;
    PhysPage first_;
    std::size_t count_ = 0;
};

// Zeroed page-table frames, at most as many as one range can need; freed unless taken.
class TableReserve {
  public:
    static Result<TableReserve> allocate(Memory& memory, std::size_t count);
    TableReserve(TableReserve&& other) noexcept
        : memory_(other.memory_),
          numbers_(other.numbers_),
          count_(std::exchange(other.count_, 0)) {}
    TableReserve& operator=(TableReserve&&) = delete;
    ~TableReserve() {
        if (count_ != 0) [[unlikely]] {
            give_back();
        }
    }

    TableFrame take() { return TableFrame{PhysPage::numbered(numbers_[--count_])}; }

  private:
    // A span of at most 512 pages ends in the next table of each level at the latest.
    static constexpr std::size_t capacity = 2 * machine::top_level;

    explicit TableReserve(Memory& memory) : memory_(memory) {}
    void give_back();

    Memory& memory_;
    std::array<std::uint32_t, capacity> numbers_{};
    std::size_t count_ = 0;
};

// The mapping counts and charges of user frames. Adding cannot fail: room was checked and the
// charge made before. The caller holds the lock of the space that maps or unmaps; another mapping
// of that space or its account keeps what it relies on.
class Mappings {
  public:
    // What one more mapping by `account` costs it: nothing where it owns the frame.
    static std::uint64_t cost(Memory& memory, UserFrame frame, AccountIndex account);
    static bool has_room(Memory& memory, UserFrame frame);
    static void add(Memory& memory, UserFrame frame, AccountIndex account);
    // Drops one mapping, of so many pages, and frees the frame with its last reference. Returns what
    // the mapping cost: the caller uncharges it, once for many.
    [[nodiscard]] static std::uint64_t drop(Memory& memory, UserFrame frame, AccountIndex account,
                                            std::uint64_t pages) {
        auto& meta = memory.meta(frame.page());
        // The owner's place names `account` only while it is the owner: see add().
        if (meta.is_named(account)) [[likely]] {
            auto const now = machine::fetch_add(meta.counts, -FrameCounts::one_owner);
            return now.is_negative
                       ? last_of_owner(memory, frame,
                                       FrameCounts{now.before - FrameCounts::one_owner}, pages)
                       : 0;
        }
        return drop_other(memory, frame, pages);
    }
    // What follows when the account's own mapping of a page was its last one, with what is left.
    static std::uint64_t last_of_owner(Memory& memory, UserFrame frame, FrameCounts left,
                                       std::uint64_t pages);
    // Drops a mapping that is not its owner's.
    static std::uint64_t drop_other(Memory& memory, UserFrame frame, std::uint64_t pages) {
        auto const before = memory.meta(frame.page()).counts.fetch_sub(FrameCounts::one_other);
        free_if_unused(memory, frame, FrameCounts{before - FrameCounts::one_other});
        return pages;
    }
    static bool is_sole(Memory& memory, UserFrame frame) {
        return memory.meta(frame.page()).load().sole();
    }

  private:
    // A frame without references gets none again, so whoever took the last one away frees it; nobody
    // else may look at its metadata any more.
    static void free_if_unused(Memory& memory, UserFrame frame, FrameCounts left) {
        if (left.none()) [[unlikely]] {
            free(memory, frame);
        }
    }
    static void free(Memory& memory, UserFrame frame);
    friend class FrameRef;
};

// A reference the kernel itself holds to a frame (boot archive). Copied only by share().
class FrameRef {
  public:
    // A frame outside the allocator's regions that programs may map.
    static FrameRef adopt(Memory& memory, PhysPage frame);
    // One more reference to a frame that is mapped.
    static FrameRef hold(Memory& memory, UserFrame frame);
    FrameRef(FrameRef&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), frame_(other.frame_) {}
    FrameRef& operator=(FrameRef&&) = delete;
    ~FrameRef();

    FrameRef share() const { return hold(*memory_, frame_); }
    UserFrame frame() const { return frame_; }
    // Keeps the reference until drop().
    void keep() && { memory_ = nullptr; }
    static void drop(Memory& memory, UserFrame frame);

  private:
    FrameRef(Memory& memory, UserFrame frame) : memory_(&memory), frame_(frame) {}
    Memory* memory_;
    UserFrame frame_;
};

}  // namespace quarry
