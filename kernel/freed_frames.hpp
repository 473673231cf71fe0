// Frames that lost their last mapping in one call, and go back to the processor's cache together.
#pragma once

#include "kernel/frames.hpp"
#include "kernel/processor.hpp"

#include <array>
#include <span>

namespace quarry {

template <std::size_t Capacity>
class FreedFrames {
  public:
    explicit FreedFrames(Memory& memory) : memory_(memory) {}
    FreedFrames(FreedFrames const&) = delete;
    FreedFrames& operator=(FreedFrames const&) = delete;
    [[gnu::always_inline]] ~FreedFrames() { give_back(); }

    // Room for so many more; all that are here go back if need be.
    void make_room(std::size_t frames) {
        if (Capacity - count_ < frames) [[unlikely]] {
            empty();
        }
    }
    // A table that nothing leads to any more. There must be room.
    void add_table(FrameMeta& meta, PhysPage frame) { add(meta, frame); }

    // A 4 KiB user frame whose metadata this is, after its owner's last mapping went. At most Capacity
    // times; not checked, or the loop that this is in would have one more way out.
#pragma clang unsafe_buffer_usage begin
    [[gnu::always_inline]] void add_if_unused(FrameMeta& meta, PhysPage frame, FrameCounts left) {
        if (left.other_mappings() == 0) [[likely]] {
            add(meta, frame);
        }
    }

  private:
    [[gnu::always_inline]] void add(FrameMeta& meta, PhysPage frame) {
        meta.kind = FrameKind::free;
        *(numbers_.data() + count_++) = static_cast<std::uint32_t>(frame.number());
    }
#pragma clang unsafe_buffer_usage end
    [[gnu::noinline]] void empty() { give_back(); }
    [[gnu::always_inline]] void give_back() {
        if (count_ != 0) {
            this_processor().frames.give_many(memory_.frames, std::span(numbers_).first(count_));
            count_ = 0;
        }
    }

    Memory& memory_;
    std::size_t count_ = 0;
    std::array<std::uint32_t, Capacity> numbers_;  // not initialised: see Retired
};

}  // namespace quarry
