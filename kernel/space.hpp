// An address space is the principal: rights, the memory account and children belong to it.
// DESIGN.md, "Contracts: Who may do what".
#pragma once

#include "abi/view.hpp"
#include "base/address.hpp"
#include "base/intrusive_list.hpp"
#include "kernel/frames.hpp"
#include "kernel/page_ops.hpp"
#include "kernel/processor_set.hpp"
#include "kernel/windows.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace quarry {

class Environment;
namespace machine {
struct EntryLayout;
}

// What kind of space it is, fixed when it is made: its options, parsed.
class SpaceForm {
  public:
    constexpr SpaceForm() = default;
    // bad_argument for unknown bits.
    static constexpr Result<SpaceForm> parse(std::uint64_t bits) {
        constexpr auto known =
            abi::space_option::views | abi::space_option::self_map | abi::space_option::jos;
        if ((bits & ~known.bits) != 0) {
            return Error::bad_argument;
        }
        return SpaceForm{(bits & abi::space_option::jos.bits) != 0 ? known.bits : bits};
    }
    static constexpr SpaceForm native() {
        return SpaceForm{(abi::space_option::views | abi::space_option::self_map).bits};
    }
    static constexpr SpaceForm jos() { return *parse(abi::space_option::jos.bits); }

    constexpr bool has_views() const { return (bits_ & abi::space_option::views.bits) != 0; }
    constexpr bool has_self_map() const { return (bits_ & abi::space_option::self_map.bits) != 0; }
    constexpr bool is_jos() const { return (bits_ & abi::space_option::jos.bits) != 0; }
    constexpr abi::SelfMap self_map() const {
        return is_jos() ? abi::jos_self_map : abi::native_self_map;
    }
    constexpr UserAddr user_top() const {
        return UserAddr{is_jos()         ? abi::jos_user_top
                        : has_self_map() ? abi::self_map_user_top
                                         : abi::native_user_top};
    }

  private:
    constexpr explicit SpaceForm(std::uint64_t bits) : bits_(bits) {}
    std::uint64_t bits_ = 0;
};

// Where a JOS space's own pages cannot be: one table's worth around the probe page.
inline constexpr PageSpan jos_probe_region{
    UserPage::containing(UserAddr{abi::jos_probe_low & ~(huge_bytes - 1)}), huge_pages};

class Space {
  public:
    Space(Memory& memory, PhysPage root, PhysPage own_frame, AccountIndex account, SpaceForm form)
        : memory_(memory),
          root_(root),
          own_frame_(own_frame),
          account_(account),
          form_(form),
          user_top_(form.user_top()) {}
    Space(Space const&) = delete;
    Space& operator=(Space const&) = delete;

    abi::SpaceId id;
    SpinLock* lock = nullptr;  // in the id table; guards the tables

    std::atomic<std::uint64_t> creator_id = 0;  // who has the right over it; 0: nobody
    bool owns_account = false;                  // an account was made for it
    std::atomic<bool> ended = false;            // no environment will run in it again
    std::atomic<unsigned> running = 0;          // environments that have not ended
    // Processors that may hold its translations, or come back to it without asking: those are asked to
    // forget what changes. See use_space() in scheduler.cpp, and ipc_shortcuts.cpp.
    alignas(64) ProcessorSet active;

    Windows windows;

    // Under the space's lock.
    Mapped mapped() {
        return {memory_,
                tables(),
                account_,
                is_active_here(*this),
                active,
                active.load() & ~processor_bit(),
                form_.has_self_map()};
    }
    PageTables tables() { return PageTables{memory_, root_, leaf_caches_}; }
    PhysPage root() const { return root_; }
    PhysPage own_frame() const { return own_frame_; }
    AccountIndex account() const { return account_; }
    SpaceForm form() const { return form_; }
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
    friend struct machine::EntryLayout;
    PhysPage root_;
    std::uint64_t root_address_ = root_.start().raw();
    PhysPage own_frame_;
    AccountIndex account_;
    SpaceForm form_;
    UserAddr user_top_;
    LeafCaches leaf_caches_;
    std::array<char, max_name> name_{};
    std::size_t name_length_ = 0;
};

}  // namespace quarry
