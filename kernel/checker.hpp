// Walks everything and says what does not add up: a frame's counts equal its mappings and holders,
// accounts equal their charges, no frame is free and mapped, lost, or a table that a program can
// see, each space is somebody's child. For tests on the hosted machine; time and scratch memory grow with the arena.
#pragma once

#include "kernel/kernel.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace quarry {

class InvariantChecker {
  public:
    // `frames` are all the frames the allocator was given.
    InvariantChecker(Kernel& kernel, std::span<MemoryRegion const> regions);

    // An empty text if all holds, or else the rule that is broken.
    std::string_view check();

  private:
    enum Mark : std::uint8_t { unseen = 0, free = 1, used = 2 };
    struct Shadow {
        std::uint32_t owner_mappings = 0;
        std::uint32_t other_mappings = 0;
    };

    void fail(std::string_view rule) {
        if (broken_.empty()) {
            broken_ = rule;
        }
    }
    void use(PhysPage frame, std::uint64_t count, FrameKind kind);
    void hold(PhysPage frame);
    void walk(Space& space, PhysPage table, unsigned level);
    void count_mapping(Space& space, PhysPage frame, bool huge);
    void compare_frames();
    void compare_accounts();
    void find_creator(Space& space);

    Kernel& kernel_;
    std::vector<MemoryRegion> regions_;
    std::vector<std::uint8_t> marks_;
    std::vector<Shadow> shadow_;
    std::vector<PhysPage> mapped_;
    std::array<std::uint64_t, AccountTable::capacity> charges_{};
    std::string_view broken_;
};

}  // namespace quarry
