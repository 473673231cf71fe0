#include "kernel/frames.hpp"

#include "machine/machine.hpp"

namespace quarry {
namespace {

constexpr std::uint64_t size_of(FrameMeta const& meta) {
    return meta.kind == FrameKind::huge ? huge_pages : 1;
}

void free_user_frame(Memory& memory, PhysPage frame) {
    if (memory.meta(frame).kind == FrameKind::huge) {
        memory.free_huge(frame);
    } else {
        memory.free_page(frame);
    }
}

}  // namespace

Result<FrameBatch> FrameBatch::allocate(Memory& memory, std::size_t count, FrameSize size) {
    FrameBatch batch{memory, size};
    for (std::size_t i = 0; i < count; ++i) {
        auto const frame =
            TRY(size == FrameSize::huge ? memory.allocate_huge() : memory.allocate_page());
        auto& meta = memory.meta(frame);
        meta.reset(size == FrameSize::huge ? FrameKind::huge : FrameKind::user,
                   FrameCounts::unmapped());
        meta.link = static_cast<std::uint32_t>(batch.first_.number());
        batch.first_ = frame;
        ++batch.count_;
        machine::zero_frames(frame, pages_in(size));
    }
    return batch;
}

FrameBatch::~FrameBatch() {
    while (count_ != 0) {
        auto const frame = first_;
        first_ = PhysPage::numbered(memory_.meta(frame).link);
        --count_;
        free_user_frame(memory_, frame);
    }
}

UserFrame FrameBatch::take_for(AccountIndex owner) {
    auto const frame = first_;
    auto& meta = memory_.meta(frame);
    first_ = PhysPage::numbered(meta.link);
    --count_;
    meta.link = 0;
    meta.counts.store(FrameCounts::owned(owner).word(), std::memory_order_relaxed);
    return UserFrame{frame};
}

Result<TableReserve> TableReserve::allocate(Memory& memory, std::size_t count) {
    TableReserve reserve{memory};
    if (count == 0) {
        return reserve;
    }
    auto const numbers = std::span(reserve.numbers_).first(count);
    TRY(memory.allocate_pages(numbers));
    for (auto const number : numbers) {
        auto const frame = PhysPage::numbered(number);
        memory.meta(frame).reset(FrameKind::table, FrameCounts{0});
        machine::zero_frames(frame, 1);
    }
    reserve.count_ = count;
    return reserve;
}

void TableReserve::give_back() {
    while (count_ != 0) {
        memory_.free_page(take().page());
    }
}

std::uint64_t Mappings::cost(Memory& memory, UserFrame frame, AccountIndex account) {
    auto const& meta = memory.meta(frame.page());
    return meta.load().owned_by(account) ? 0 : size_of(meta);
}

bool Mappings::has_room(Memory& memory, UserFrame frame) {
    return memory.meta(frame.page()).load().owner_mappings() < FrameCounts::max_owner_mappings;
}

void Mappings::add(Memory& memory, UserFrame frame, AccountIndex account) {
    auto& counts = memory.meta(frame.page()).counts;
    auto word = counts.load(std::memory_order_relaxed);
    std::uint64_t now = 0;
    do {
        FrameCounts const old{word};
        if (old.owned_by(account)) {
            now = word + FrameCounts::one_owner;
        } else {
            // Without an owner the name of the last one goes: it may come back as somebody else.
            now = (old.has_owner() ? word : word & ~std::uint64_t{0xffff}) + FrameCounts::one_other;
        }
    } while (!counts.compare_exchange_weak(word, now));
}

void Mappings::free(Memory& memory, UserFrame frame) { free_user_frame(memory, frame.page()); }

std::uint64_t Mappings::last_of_owner(Memory& memory, UserFrame frame, FrameCounts left,
                                      std::uint64_t pages) {
    free_if_unused(memory, frame, left);
    return pages;
}

FrameRef FrameRef::adopt(Memory& memory, PhysPage frame) {
    memory.frames.adopt(frame);
    return hold(memory, UserFrame{frame});
}

FrameRef FrameRef::hold(Memory& memory, UserFrame frame) {
    memory.meta(frame.page()).counts.fetch_add(FrameCounts::one_other);
    return {memory, frame};
}

FrameRef::~FrameRef() {
    if (memory_ != nullptr) {
        drop(*memory_, frame_);
    }
}

void FrameRef::drop(Memory& memory, UserFrame frame) {
    (void)Mappings::drop_other(memory, frame, 0);
}

}  // namespace quarry
