#include "kernel/frame_allocator.hpp"

#include "machine/machine.hpp"

#include <algorithm>

namespace quarry {
namespace {

constexpr std::uint64_t block_of(PhysPage page) { return page.number() / huge_pages; }
constexpr std::uint16_t slot_of(PhysPage page) {
    return static_cast<std::uint16_t>(page.number() % huge_pages);
}
constexpr std::uint64_t blocks_for(std::uint64_t frames) {
    return (frames + huge_pages - 1) / huge_pages;
}

}  // namespace

std::size_t FrameAllocator::metadata_bytes(std::uint64_t end_frame) {
    return end_frame * sizeof(FrameMeta) + blocks_for(end_frame) * sizeof(Block);
}

void FrameAllocator::initialise(std::span<MemoryRegion const> regions,
                                std::span<std::byte> metadata, std::uint64_t end_frame) {
    LockGuard const guard(lock_);
    metas_ = machine::view_as<FrameMeta>(metadata.first(end_frame * sizeof(FrameMeta)));
    blocks_ = machine::view_as<Block>(metadata.subspan(end_frame * sizeof(FrameMeta)));
    for (std::size_t i = 0; i < std::min(regions.size(), max_regions); ++i) {
        auto const first = regions[i].first.number();
        auto const end = first + regions[i].frames;
        auto const first_whole = blocks_for(first);
        auto const end_whole = std::max(end / huge_pages, first_whole);
        frontiers_[i] = {first_whole, end_whole};
        free_frames_ += (end_whole - first_whole) * huge_pages;
        // A region that begins or ends inside a block gives up to 511 single frames on each side.
        add_edge(first, std::min(end, first_whole * huge_pages));
        add_edge(std::max(first, end_whole * huge_pages), end);
    }
    total_frames_ = free_frames_;
    metas_[0].reset(FrameKind::free, FrameCounts{0});  // nobody's: it stands for "no frame"
}

void FrameAllocator::add_edge(std::uint64_t first_frame, std::uint64_t end_frame) {
    if (first_frame >= end_frame) {
        return;
    }
    // Regions ascend, so a block that two of them share is the one set up last.
    auto const index = first_frame / huge_pages;
    if (index != last_edge_) {
        blocks_[index] = Block{};
        blocks_[index].state = BlockState::exhausted;
        last_edge_ = index;
    }
    for (auto frame = first_frame; frame < end_frame; ++frame) {
        free_in_block(PhysPage::numbered(frame));
    }
}

void FrameAllocator::push(BlockList& list, std::uint32_t index) {
    auto& block = blocks_[index];
    block.previous = none;
    block.next = list.first;
    if (list.first != none) {
        blocks_[list.first].previous = index;
    }
    list.first = index;
}

void FrameAllocator::remove(BlockList& list, std::uint32_t index) {
    auto const& block = blocks_[index];
    (block.previous != none ? blocks_[block.previous].next : list.first) = block.next;
    if (block.next != none) {
        blocks_[block.next].previous = block.previous;
    }
}

std::optional<std::uint32_t> FrameAllocator::take_whole_block() {
    if (whole_.first != none) {
        auto const index = whole_.first;
        remove(whole_, index);
        return index;
    }
    for (auto& frontier : frontiers_) {
        if (frontier.next != frontier.end) {
            auto const index = static_cast<std::uint32_t>(frontier.next++);
            blocks_[index] = Block{};
            return index;
        }
    }
    return std::nullopt;
}

std::optional<std::uint32_t> FrameAllocator::take_page() {
    if (partial_.first == none) {
        auto const index = take_whole_block();
        if (!index) {
            return std::nullopt;
        }
        auto& block = blocks_[*index];
        block.free_frames = huge_pages;
        block.fresh = 0;
        block.first_free = no_frame;
        block.state = BlockState::partial;
        push(partial_, *index);
    }
    auto const index = partial_.first;
    auto& block = blocks_[index];
    std::uint16_t slot = block.first_free;
    if (slot != no_frame) {
        block.first_free = static_cast<std::uint16_t>(metas_[index * huge_pages + slot].link);
    } else {
        slot = block.fresh++;
    }
    if (--block.free_frames == 0) {
        remove(partial_, index);
        block.state = BlockState::exhausted;
    }
    --free_frames_;
    return static_cast<std::uint32_t>(index * huge_pages + slot);
}

Result<PhysPage> FrameAllocator::allocate_page() {
    LockGuard const guard(lock_);
    auto const number = take_page();
    if (!number) {
        return Error::out_of_frames;
    }
    return PhysPage::numbered(*number);
}

std::size_t FrameAllocator::allocate_many(std::span<std::uint32_t> numbers) {
    LockGuard const guard(lock_);
    std::size_t count = 0;
    for (auto& number : numbers) {
        auto const taken = take_page();
        if (!taken) {
            break;
        }
        number = *taken;
        ++count;
    }
    return count;
}

void FrameAllocator::free_many(std::span<std::uint32_t const> numbers) {
    LockGuard const guard(lock_);
    for (auto const number : numbers) {
        free_in_block(PhysPage::numbered(number));
    }
}

Result<PhysPage> FrameAllocator::allocate_huge() {
    LockGuard const guard(lock_);
    auto const index = take_whole_block();
    if (!index) {
        return Error::out_of_frames;
    }
    blocks_[*index].state = BlockState::huge;
    blocks_[*index].free_frames = 0;
    free_frames_ -= huge_pages;
    return PhysPage::numbered(std::uint64_t{*index} * huge_pages);
}

void FrameAllocator::free_in_block(PhysPage page) {
    auto const index = static_cast<std::uint32_t>(block_of(page));
    auto& block = blocks_[index];
    auto& meta = metas_[page.number()];
    meta.reset(FrameKind::free, FrameCounts{0});
    meta.link = block.first_free;
    block.first_free = slot_of(page);
    ++free_frames_;
    if (++block.free_frames == 1) {
        block.state = BlockState::partial;
        push(partial_, index);
    } else if (block.free_frames == huge_pages) {
        remove(partial_, index);
        block.state = BlockState::free;
        push(whole_, index);
    }
}

void FrameAllocator::free_page(PhysPage page) {
    LockGuard const guard(lock_);
    free_in_block(page);
}

void FrameAllocator::free_huge(PhysPage first) {
    LockGuard const guard(lock_);
    auto const index = static_cast<std::uint32_t>(block_of(first));
    auto& block = blocks_[index];
    metas_[first.number()].reset(FrameKind::free, FrameCounts{0});
    block.state = BlockState::free;
    block.free_frames = huge_pages;
    push(whole_, index);
    free_frames_ += huge_pages;
}

void FrameAllocator::split_huge(PhysPage first) {
    LockGuard const guard(lock_);
    auto& block = blocks_[block_of(first)];
    block.state = BlockState::exhausted;
    block.fresh = huge_pages;
    block.first_free = no_frame;
    block.free_frames = 0;
}

FrameMeta& FrameAllocator::adopt(PhysPage page) {
    auto& meta = metas_[page.number()];
    meta.reset(FrameKind::user, FrameCounts::unmapped());
    return meta;
}

std::uint64_t FrameAllocator::free_frames() const {
    LockGuard const guard(lock_);
    return free_frames_;
}

void FrameAllocator::mark_free(std::span<std::uint8_t> marks) const {
    LockGuard const guard(lock_);
    auto const mark = [&](std::uint64_t first, std::uint64_t end) {
        std::ranges::fill(marks.subspan(first, end - first), std::uint8_t{1});
    };
    for (auto const& frontier : frontiers_) {
        mark(frontier.next * huge_pages, frontier.end * huge_pages);
    }
    for (auto index = whole_.first; index != none; index = blocks_[index].next) {
        mark(std::uint64_t{index} * huge_pages, (std::uint64_t{index} + 1) * huge_pages);
    }
    for (auto index = partial_.first; index != none; index = blocks_[index].next) {
        auto const& block = blocks_[index];
        auto const base = std::uint64_t{index} * huge_pages;
        mark(base + block.fresh, base + huge_pages);
        for (auto slot = block.first_free; slot != no_frame;
             slot = static_cast<std::uint16_t>(metas_[base + slot].link)) {
            marks[base + slot] = 1;
        }
    }
}

}  // namespace quarry
