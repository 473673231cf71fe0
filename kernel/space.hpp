// An address space is the principal: rights, the memory account and children belong to it.
// DESIGN.md, "Contracts: Who may do what".
#pragma once

#include "base/address.hpp"
#include "base/intrusive_list.hpp"
#include "kernel/frames.hpp"
#include "kernel/page_ops.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace quarry {

class Environment;

class Space {
  public:
    Space(Memory& memory, PhysPage root, PhysPage own_frame, AccountIndex account, Space* creator)
        : creator(creator),
          memory_(memory),
          root_(root),
          own_frame_(own_frame),
          account_(account) {}
    Space(Space const&) = delete;
    Space& operator=(Space const&) = delete;

    abi::SpaceId id;
    Space* creator;        // null: the first space
    unsigned running = 0;  // environments that have not ended
    bool ended = false;    // no environment will run in it again
    SpinLock lock;

    Mapped mapped() { return {memory_, PageTables{root_}, account_}; }
    PhysPage root() const { return root_; }
    PhysPage own_frame() const { return own_frame_; }
    AccountIndex account() const { return account_; }
    UserAddr user_top() const { return UserAddr{abi::native_user_top}; }

    // What diagnostics call the program; set by the loader or by space_create.
    std::string_view name() const { return {name_.data(), name_length_}; }
    void set_name(std::string_view name);

    Environment* first_environment = nullptr;  // linked through Environment::next_in_space

    ListLink<Space> sibling;
    ListLink<Space> reaping;
    IntrusiveList<Space, &Space::sibling> children;
    static constexpr std::size_t max_name = 64;

  private:
    Memory& memory_;
    PhysPage root_;
    PhysPage own_frame_;
    AccountIndex account_;
    std::array<char, max_name> name_{};
    std::size_t name_length_ = 0;
};

}  // namespace quarry
