#include "kernel/checker.hpp"

#include "kernel/word_waiters.hpp"

#include <algorithm>

namespace quarry {

InvariantChecker::InvariantChecker(Kernel& kernel, std::span<MemoryRegion const> regions)
    : kernel_(kernel), regions_(regions.begin(), regions.end()) {
    std::uint64_t end = 0;
    for (auto const& region : regions_) {
        end = std::max(end, region.first.number() + region.frames);
    }
    auto const whole_blocks = (end + huge_pages - 1) / huge_pages * huge_pages;
    marks_.resize(whole_blocks);
    shadow_.resize(whole_blocks);
}

void InvariantChecker::use(PhysPage frame, std::uint64_t count, FrameKind kind) {
    if (kernel_.memory.meta(frame).kind != kind) {
        fail("a frame is used as another kind than its metadata says");
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        auto& mark = marks_[frame.number() + i];
        if (mark == free) {
            fail("a frame is free and in use");
        } else if (mark == used) {
            fail("a frame is used twice");
        }
        mark = used;
    }
}

void InvariantChecker::count_mapping(Space& space, PhysPage frame, bool huge) {
    auto const& meta = kernel_.memory.meta(frame);
    auto& shadow = shadow_[frame.number()];
    if (meta.kind != (huge ? FrameKind::huge : FrameKind::user)) {
        fail("a mapping of a frame that is not a program's, or of another size");
    }
    if (shadow.owner_mappings + shadow.other_mappings == 0) {
        use(frame, huge ? huge_pages : 1, meta.kind);
        mapped_.push_back(frame);
    }
    if (meta.load().owned_by(space.account())) {
        ++shadow.owner_mappings;
    } else {
        ++shadow.other_mappings;
        charges_[space.account()] += huge ? huge_pages : 1;
    }
}

// A reference of the kernel's to a frame that programs may have unmapped.
void InvariantChecker::hold(PhysPage frame) {
    auto& shadow = shadow_[frame.number()];
    if (shadow.owner_mappings + shadow.other_mappings == 0) {
        auto const kind = kernel_.memory.meta(frame).kind;
        use(frame, kind == FrameKind::huge ? huge_pages : 1, kind);
        mapped_.push_back(frame);
    }
    ++shadow.other_mappings;
}

void InvariantChecker::walk(Space& space, PhysPage table, unsigned level) {
    use(table, 1, FrameKind::table);
    ++charges_[space.account()];
    std::size_t live = 0;
    auto entries = machine::table(table);
    if (level == machine::top_level) {
        entries = entries.first(machine::entries_per_table / 2);
    }
    for (auto const entry : entries) {
        if (entry.is_empty()) {
            continue;
        }
        ++live;
        if (entry.is_kernels()) {
            continue;  // the views, the self-map, the probe page
        }
        if (entry.is_table(level)) {
            walk(space, entry.frame(), level - 1);
        } else {
            auto const perms = entry.perms();
            if (perms.write() && perms.execute()) {
                fail("a mapping is writable and executable");
            }
            if (level > 1) {
                fail("a mapping of a size that does not exist");
            }
            count_mapping(space, entry.frame(), level == 1);
        }
    }
    if (live != kernel_.memory.meta(table).live) {
        fail("a table's count of live entries is wrong");
    }
    if (live == 0 && level != machine::top_level) {
        fail("an empty table was kept");
    }
}

void InvariantChecker::compare_frames() {
    for (auto const frame : mapped_) {
        auto const& meta = kernel_.memory.meta(frame);
        auto const& shadow = shadow_[frame.number()];
        auto const counts = meta.load();
        if (counts.owner_mappings() != shadow.owner_mappings ||
            counts.other_mappings() != shadow.other_mappings) {
            fail("a frame's counts differ from its mappings");
        }
        if (counts.has_owner()) {
            charges_[counts.owner()] += meta.kind == FrameKind::huge ? huge_pages : 1;
        }
    }
    std::uint64_t free_frames = 0;
    for (auto const& region : regions_) {
        for (std::uint64_t i = 0; i < region.frames; ++i) {
            auto const mark = marks_[region.first.number() + i];
            free_frames += mark == free ? 1 : 0;
            if (mark == unseen) {
                fail("a frame is lost: neither free nor in use");
            }
        }
    }
    if (free_frames != kernel_.memory.free_frames()) {
        fail("the count of free frames is wrong");
    }
}

void InvariantChecker::compare_accounts() {
    kernel_.memory.accounts.each([&](std::size_t, AccountTable::View const& account) {
        charges_[account.parent] += account.parent != 0 ? account.limit : 0;
    });
    kernel_.memory.accounts.each([&](std::size_t index, AccountTable::View const& account) {
        if (account.used != charges_[index]) {
            fail("an account's use differs from what is charged to it");
        }
        if (account.used > account.limit) {
            fail("an account is over its limit");
        }
    });
}

// Whoever may destroy it lives and finds it; only of a first space there is nobody.
void InvariantChecker::find_creator(Space& space) {
    auto const creator_id = space.creator_id.load();
    if (creator_id == 0) {
        return;
    }
    auto* const creator = kernel_.spaces.find(creator_id).object;
    if (creator == nullptr || creator != space.creator) {
        fail("a space has outlived its creator");
        return;
    }
    auto* child = creator->children.first();
    while (child != nullptr && child != &space) {
        child = creator->children.after(*child);
    }
    if (child == nullptr) {
        fail("a space is not among its creator's children");
    }
}

std::string_view InvariantChecker::check() {
    broken_ = {};
    std::ranges::fill(marks_, std::uint8_t{unseen});
    for (auto const frame : mapped_) {
        shadow_[frame.number()] = {};
    }
    mapped_.clear();
    charges_.fill(0);
    kernel_.memory.mark_free(marks_);
    kernel_.spaces.each([&](Space& space) {
        use(space.own_frame(), 1, FrameKind::object);
        ++charges_[space.account()];
        walk(space, space.root(), machine::top_level);
        find_creator(space);
    });
    kernel_.environments.each([&](Environment& environment) {
        use(environment.own_frame(), 1, FrameKind::object);
        ++charges_[environment.space().account()];
        if (environment.control != nullptr) {
            ++shadow_[environment.control_frame.number()].other_mappings;  // the kernel's own
        }
        WordKey const key{environment.word_place, environment.word_offset};
        if (environment.wait == Wait::word && key.is_shared()) {
            hold(PhysPage::numbered(key.place));
        }
    });
    compare_frames();
    compare_accounts();
    return broken_;
}

}  // namespace quarry
