// The kernel as one object: all memory, all spaces, all environments, and what runs next. Exactly
// one exists; tests make a new one for each case.
#pragma once

#include "abi/types.hpp"
#include "base/bytes.hpp"
#include "kernel/console.hpp"
#include "kernel/environment.hpp"
#include "kernel/frames.hpp"
#include "kernel/id_table.hpp"
#include "kernel/space.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quarry {

inline constexpr std::size_t max_spaces = 4096;
inline constexpr std::size_t max_environments = 4096;

// An exception that a program caused, as the machine describes it.
struct Fault {
    std::uint64_t vector = 0;
    std::uint64_t address = 0;  // of a page fault
    std::string_view name;      // "page fault"
    std::string_view detail;    // "write, not present"
};

class Kernel {
  public:
    constexpr Kernel() = default;
    Kernel(Kernel const&) = delete;
    Kernel& operator=(Kernel const&) = delete;

    Memory memory;
    IdTable<Space, max_spaces> spaces;
    IdTable<Environment, max_environments> environments;
    Console console;
    Environment* current = nullptr;
    Bytes archive;  // the boot archive, for loading and symbols

    // Spaces
    // --------------------------------------------------------------------------------------- A
    // space that shares `creator`'s account, or has `account_pages` of it as its own.
    Result<Space*> create_space(Space& creator, std::uint64_t account_pages);
    // The first space, whose account nobody limits but the machine.
    Result<Space*> create_root_space(std::uint64_t limit_pages);
    // Ends its environments and does one step of giving everything back: true when it is gone.
    bool destroy_space_step(Space& space);

    // Environments
    // ---------------------------------------------------------------------------------
    Result<Environment*> create_environment(Space& space, UserAddr entry, UserAddr stack,
                                            std::uint64_t argument);
    void start(Environment& environment);
    void stop(Environment& environment);
    // Ends a live environment; its record stays.
    void end(Environment& environment, abi::EnvStatus how);
    // Gives an ended environment's record back.
    void reap(Environment& environment);

    // Ends the current environment with a line that says why and where, and runs another.
    void end_by_fault(Fault const& fault);

    // Running
    // -------------------------------------------------------------------------------------- Blocks
    // the current environment until the console has a key.
    void block_on_console();
    void key_pressed(char key);
    void ask_to_yield() { yield_ = true; }
    bool must_switch() const {
        return yield_ || current == nullptr || current->state != abi::EnvState::runnable;
    }
    // Picks the environment to run next and goes to it. On the real machine this does not return.
    void reschedule();

    // One bounded step of giving back the memory of spaces that ended. False: nothing is waiting.
    bool reclaim_step();

    static constexpr std::size_t tear_down_budget = 2048;  // table entries in one step

  private:
    Result<Space*> make_space(AccountIndex account, Space* creator);
    void end_space(Space& space, bool keep_memory);
    void free_object(PhysPage frame, AccountIndex account);

    EnvironmentQueue ready_;
    IntrusiveList<Space, &Space::reaping> ended_;
    Environment* root_ = nullptr;
    bool yield_ = false;
};

extern constinit Kernel the_kernel;

}  // namespace quarry
