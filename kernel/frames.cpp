#include "kernel/frames.hpp"

#include "machine/machine.hpp"

namespace quarry {
namespace {

constexpr std::uint64_t size_of(FrameMeta const& meta) {
    return meta.kind == FrameKind::huge ? huge_pages : 1;
}

void free_user_frame(Memory& memory, UserFrame frame) {
    if (memory.frames.meta(frame.page()).kind == FrameKind::huge) {
        memory.frames.free_huge(frame.page());
    } else {
        memory.frames.free_page(frame.page());
    }
}

}  // namespace

Result<FrameBatch> FrameBatch::allocate(Memory& memory, std::size_t count, FrameSize size) {
    FrameBatch batch{memory, size};
    for (std::size_t i = 0; i < count; ++i) {
        auto const frame = TRY(size == FrameSize::huge ? memory.frames.allocate_huge()
                                                       : memory.frames.allocate_page());
        auto& meta = memory.frames.meta(frame);
        meta = {};
        meta.kind = size == FrameSize::huge ? FrameKind::huge : FrameKind::user;
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
        first_ = PhysPage::numbered(memory_.frames.meta(frame).link);
        --count_;
        free_user_frame(memory_, UserFrame{frame});
    }
}

UserFrame FrameBatch::take_for(AccountIndex owner) {
    auto const frame = first_;
    auto& meta = memory_.frames.meta(frame);
    first_ = PhysPage::numbered(meta.link);
    --count_;
    meta.link = 0;
    meta.owner = owner;
    meta.owner_mappings = 1;
    return UserFrame{frame};
}

Result<TableReserve> TableReserve::allocate(Memory& memory, std::size_t count) {
    TableReserve reserve{memory};
    for (std::size_t i = 0; i < count; ++i) {
        auto const frame = TRY(memory.frames.allocate_page());
        auto& meta = memory.frames.meta(frame);
        meta = {};
        meta.kind = FrameKind::table;
        meta.link = static_cast<std::uint32_t>(reserve.first_.number());
        reserve.first_ = frame;
        ++reserve.count_;
        machine::zero_frames(frame, 1);
    }
    return reserve;
}

TableReserve::~TableReserve() {
    while (count_ != 0) {
        memory_.frames.free_page(take().page());
    }
}

TableFrame TableReserve::take() {
    auto const frame = first_;
    auto& meta = memory_.frames.meta(frame);
    first_ = PhysPage::numbered(meta.link);
    meta.link = 0;
    --count_;
    return TableFrame{frame};
}

std::uint64_t Mappings::cost(Memory& memory, UserFrame frame, AccountIndex account) {
    auto const& meta = memory.frames.meta(frame.page());
    return meta.owner == account ? 0 : size_of(meta);
}

bool Mappings::has_room(Memory& memory, UserFrame frame) {
    auto const& meta = memory.frames.meta(frame.page());
    return meta.owner_mappings < max_mappings - abi::max_range_pages &&
           meta.other_mappings < max_mappings - abi::max_range_pages;
}

void Mappings::add(Memory& memory, UserFrame frame, AccountIndex account) {
    auto& meta = memory.frames.meta(frame.page());
    if (meta.owner == account) {
        meta.owner_mappings = meta.owner_mappings + 1;
    } else {
        meta.other_mappings = meta.other_mappings + 1;
    }
}

std::uint64_t Mappings::drop(Memory& memory, UserFrame frame, AccountIndex account) {
    auto& meta = memory.frames.meta(frame.page());
    std::uint64_t cost = 0;
    if (meta.owner == account) {
        meta.owner_mappings = meta.owner_mappings - 1;
        if (meta.owner_mappings == 0) {
            meta.owner = 0;
            cost = size_of(meta);
        }
    } else {
        meta.other_mappings = meta.other_mappings - 1;
        cost = size_of(meta);
    }
    if (meta.references() == 0) {
        free_user_frame(memory, frame);
    }
    return cost;
}

bool Mappings::is_sole(Memory& memory, UserFrame frame) {
    return memory.frames.meta(frame.page()).references() == 1;
}

FrameRef FrameRef::adopt(Memory& memory, PhysPage frame) {
    memory.frames.adopt(frame).holders = 1;
    return {memory, UserFrame{frame}};
}

FrameRef::~FrameRef() {
    if (memory_ != nullptr) {
        auto& meta = memory_->frames.meta(frame_.page());
        if (--meta.holders == 0 && meta.references() == 0) {
            free_user_frame(*memory_, frame_);
        }
    }
}

FrameRef FrameRef::share() const {
    ++memory_->frames.meta(frame_.page()).holders;
    return {*memory_, frame_};
}

}  // namespace quarry
