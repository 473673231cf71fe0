// An address space is the principal: rights, the memory account and children belong to it.
// DESIGN.md, "Contracts: Who may do what".
#pragma once

#include "base/address.hpp"
#include "base/intrusive_list.hpp"
#include "kernel/frames.hpp"
#include "kernel/page_ops.hpp"
#include "kernel/processor_set.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace quarry {

class Environment;

class Space {
  public:
    Space(Memory& memory, PhysPage root, PhysPage own_frame, AccountIndex account)
        : memory_(memory), root_(root), own_frame_(own_frame), account_(account) {}
    Space(Space const&) = delete;
    Space& operator=(Space const&) = delete;

    abi::SpaceId id;
    SpinLock* lock = nullptr;  // in the id table; guards the tables

    std::atomic<std::uint64_t> creator_id = 0;  // who has the right over it; 0: nobody
    std::atomic<bool> ended = false;            // no environment will run in it again
    std::atomic<unsigned> running = 0;          // environments that have not ended
    // Processors that may hold its translations. See activate() in scheduler.cpp.
    alignas(64) ProcessorSet active;

    // Under the space's lock.
    Mapped mapped() {
        auto const here = processor_bit();
        auto const active_on = active.load();
        return {memory_, tables(), account_, (active_on & here) != 0, active_on & ~here};
    }
    PageTables tables() { return PageTables{root_, leaf_caches_}; }
    PhysPage root() const { return root_; }
    PhysPage own_frame() const { return own_frame_; }
    AccountIndex account() const { return account_; }
    UserAddr user_top() const { return user_top_; }

    // What diagnostics call the program; set by the loader or by space_create.
    std::string_view name() const { return {name_.data(), name_length_}; }
    void set_name(std::string_view name);

    // Guarded by the kernel's family lock.
    Space* creator = nullptr;
    ListLink<Space> sibling;
    ListLink<Space> reaping;
    IntrusiveList<Space, &Space::sibling> children;
    Environment* first_environment = nullptr;
    static constexpr std::size_t max_name = 64;

  private:
    Memory& memory_;
    PhysPage root_;
    PhysPage own_frame_;
    AccountIndex account_;
    UserAddr user_top_{abi::native_user_top};
    LeafCaches leaf_caches_;
    std::array<char, max_name> name_{};
    std::size_t name_length_ = 0;
};

}  // namespace quarry
