// The kernel as one object: all memory, all spaces, all environments, and what runs next. Exactly
// one exists; tests make a new one for each case.
//
// A function whose argument is "locked" wants the object's lock held; it may find that another lock
// is taken that must not be waited for here: it then changes nothing and says `busy`, and the
// caller lets go of everything and begins again (enter() in dispatch.cpp).
#pragma once

#include "abi/types.hpp"
#include "base/bytes.hpp"
#include "kernel/console.hpp"
#include "kernel/environment.hpp"
#include "kernel/frames.hpp"
#include "kernel/id_table.hpp"
#include "kernel/idle_set.hpp"
#include "kernel/processor.hpp"
#include "kernel/space.hpp"
#include "kernel/user_memory.hpp"
#include "kernel/word_waiters.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace quarry {

inline constexpr std::size_t max_spaces = 4096;
inline constexpr std::size_t max_environments = abi::env_view_slots;

// Not errors that a program sees.
inline constexpr auto busy = Error{0xfe};      // begin again
inline constexpr auto deferred = Error{0xff};  // whoever ends the wait writes the result

// An exception that a program caused, as the machine describes it.
struct Fault {
    std::uint64_t vector = 0;
    std::uint64_t address = 0;  // of a page fault
    std::string_view name;      // "page fault"
    std::string_view detail;    // "write, not present"
};

using SpaceTable = IdTable<Space, max_spaces, Rank::space>;
using EnvironmentTable = IdTable<Environment, max_environments, Rank::environment>;

class Kernel {
  public:
    constexpr Kernel() = default;
    Kernel(Kernel const&) = delete;
    Kernel& operator=(Kernel const&) = delete;

    EnvironmentTable environments;  // first: entry code finds it
    Memory memory;
    SpaceTable spaces;
    Console console;
    WordWaiters word_waiters;
    bool breakpoints_enter_monitor = false;  // of native programs without an upcall
    Bytes archive;                           // the boot archive, for loading and symbols

    // Spaces: kernel/family.cpp.
    // A space that shares `creator`'s account, or has `account_pages` of it as its own.
    Result<abi::SpaceId> create_space(Space& creator, std::uint64_t account_pages, SpaceForm form,
                                      std::string_view name);
    // The first space, whose account nobody limits but the machine.
    Result<Space*> create_root_space(std::uint64_t limit_pages, SpaceForm form,
                                     std::string_view name);
    // Ends its environments and does one step of giving everything back: true when it is gone.
    // `caller` has the right over it.
    Result<bool> destroy_space_step(Space const& caller, abi::SpaceId id);
    // The child of the caller's space with the least id above this one; not_found.
    Result<abi::SpaceId> next_child(Space const& caller, abi::SpaceId after);
    // One bounded step of giving back the memory of spaces that ended. False: nothing is waiting.
    bool reclaim_step();

    // Environments: kernel/family.cpp and kernel/lifecycle.cpp. `environment` locked.
    Result<Environment*> create_environment(Space& space, UserAddr entry, UserAddr stack,
                                            std::uint64_t argument,
                                            Environment const* creator = nullptr);
    // Its control page, mapped at its place; out_of_frames, out_of_account.
    Result<void> give_control_page(Environment& environment);
    void start(Environment& environment);
    static bool remove_from_queue(Environment& environment);
    Result<void> stop(Environment& environment);
    // Ends a live environment; its record stays. If another processor runs it, that one does the
    // rest when it lets go.
    Result<void> end(Environment& environment, abi::EnvStatus const& how);
    // Gives an ended environment's record back. Unlocked.
    Result<void> reap(abi::EnvId id);
    // end() of one that the caller found, and what follows when no processor has it.
    Result<void> end_and_finish(EnvironmentTable::Found found, abi::EnvStatus const& how);
    // Ends the current environment, and runs another.
    void end_current(abi::EnvStatus const& how);
    // The same with a line that says why and where.
    void end_by_fault(Fault const& fault);

    // Waiting: kernel/waiting.cpp. `environment` locked.
    // Makes the caller wait; before that, whether bits or the deadline are there already.
    Result<void> block(Environment& caller, Wait wait, std::uint64_t what, std::uint64_t deadline,
                       bool interruptible);
    // Takes it out of the deadlines, if it is among them.
    static void cancel_deadline(Environment& environment);
    // Undoes block() for a caller that is in no structure yet.
    void unblock(Environment& caller);
    // Takes a blocked environment out of what it waits in; busy.
    Result<void> leave_wait(Environment& environment);
    // Ends its wait, out of which it was taken, with this result.
    void end_wait(Environment& environment, std::uint64_t result, bool run_next = false);
    // Wakes those who wait for a target that has ended or is off its processor. Unlocked.
    void wake_all(abi::EnvId target, Wait wait, Error result);
    void wake_callers(abi::EnvId target);  // the same for those that wait for its reply
    void expire_deadlines();
    void key_pressed(char key);
    // Posts interrupt bits.
    Result<void> post(Environment& environment, std::uint64_t bits);
    void post_to(abi::EnvId id, std::uint64_t bits);  // unlocked
    // Messages: kernel/messages.cpp. Caller and partner locked.
    Result<void> send(Environment& caller, Environment& to);
    Result<void> receive(Environment& caller);
    Result<void> reply(Environment& caller, Environment& to);
    // Words of memory: kernel/words.cpp. The key of a shared word comes with a reference to its frame,
    // which the wait keeps if it begins.
    Result<void> wait_for_word(Environment& caller, WordKey key, UserIn<std::uint32_t> word,
                               std::uint32_t expected, std::uint64_t deadline, bool interruptible);
    std::uint64_t wake_word(WordKey key, std::uint64_t count);
    static EnvironmentQueue& list_of(Environment& other, Wait wait);
    // Pushes the upcall for the bits that may interrupt it, if any: before it goes to user mode, in
    // its space. False: it cannot take it, and was told so.
    bool take_interrupt(Environment& environment);
    // Writes the frame of an upcall and makes it what runs next. False if the stack has no room or
    // is not writable.
    static bool push_upcall(Environment& environment, std::uint64_t cause, std::uint64_t error,
                            std::uint64_t address);
    static bool has_upcall_room(Environment const& environment);
    // Where the frame of an upcall would go; nothing if the stack has no room.
    static std::optional<std::uint64_t> upcall_frame_address(Environment const& environment);
    // The bits that may interrupt it now.
    static std::uint64_t deliverable(Environment const& environment);

    // Running: kernel/scheduler.cpp.
    bool must_switch() const {
        auto const& self = this_processor();
        return self.yield || self.handoff != 0 || self.current == nullptr ||
               self.current->state != abi::EnvState::runnable;
    }
    // Picks the environment to run next and goes to it. On the real machine this does not return.
    void reschedule();
    // The way out of a call whose result is in the saved registers: to the caller or another.
    void leave_call();
    // From here on the processor may hold translations of the space.
    static void use_space(Processor& self, Space& space);
    // Makes a runnable environment that is in no queue and on no processor run at some time.
    void enqueue(Environment& environment);
    void offer_work(Processor& self);
    void keep_as_yielder(Processor& self, Environment& environment);
    // The timer has fired.
    void tick();
    // Sets the machine's timer for the deadlines and, if others wait to run, the time slice.
    void set_timer();

    static constexpr std::size_t tear_down_budget = 2048;  // table entries in one step
    static constexpr std::uint64_t slice_nanoseconds = 10'000'000;

  private:
    Result<Space*> make_space(AccountIndex account, Space* creator, SpaceForm form,
                              std::string_view name, bool owns_account);
    void free_space(Space& space);
    void end_space(Space& space, bool keep_memory) REQUIRES(family_);
    void end_space_of_last(abi::SpaceId id, bool keep_memory);
    Result<EnvironmentTable::Found> find_live(Space const& caller, abi::SpaceId id);
    bool torn_down(Space& space);
    void reap_all(Space& space);
    void free_environment(Environment& environment);
    void unlink(Space& space) REQUIRES(family_);
    void leave_word(Environment& environment);
    bool is_among_waiters(Environment const& environment);
    std::uint64_t pop_word_waiter(WordKey key);
    template <typename Condition>
    void interrupt_wait_of(std::uint64_t id, Error result, Condition condition);
    Result<void> deliver(Environment& from, Environment& to);
    void free_object(PhysPage frame, AccountIndex account);
    void finish_end(Environment& environment, HeldLock lock);
    void put_off(Processor& self);
    void let_go(Processor& self);
    bool run_one(Processor& self, std::uint64_t id);
    std::uint64_t next_id(Processor& self);
    void idle(Processor& self);
    bool nothing_can_run();
    void end_machine();
    void kick(unsigned processor);

    SpinLock family_{Rank::family};
    IntrusiveList<Space, &Space::reaping> ended_ GUARDED_BY(family_);
    std::atomic<unsigned> ended_count_ = 0;
    Environment* root_ = nullptr;
    IdleSet idle_;
};

extern constinit Kernel the_kernel;

}  // namespace quarry
