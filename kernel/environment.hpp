// A thread of control in a space: what a processor runs. Its object has a frame of its own, charged
// to the space's account; when it has ended the object is the exit record, until reaped.
#pragma once

#include "abi/types.hpp"
#include "abi/upcall.hpp"
#include "base/intrusive_list.hpp"
#include "base/relaxed.hpp"
#include "kernel/lock.hpp"
#include "kernel/space.hpp"
#include "kernel/views.hpp"
#include "machine/saved_state.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace quarry {

// Why an environment is blocked: which structure it is in, besides its lock.
enum class Wait : std::uint8_t {
    none,
    keys,        // the console's readers
    time,        // only its deadline
    bits,        // interrupt bits
    word,        // a bucket of waiters on memory words
    end,         // another environment's `end_waiters`
    off,         // another environment's `end_waiters`, until that is off its processor
    to_send,     // a receiver's `senders`
    for_reply,   // nowhere: the replier finds it by id
    to_receive,  // nowhere: a sender finds it by id
};

// A message on its way: four words and perhaps pages.
struct Letter {
    std::array<std::uint64_t, 4> words{};
    bool wants_reply = false;
    abi::IpcOptions options{};  // if the environment has_options
};

class Environment {
  public:
    Environment(Space& space, PhysPage own_frame) : space_(space), own_frame_(own_frame) {}
    Environment(Environment const&) = delete;
    Environment& operator=(Environment const&) = delete;

    // First, because entry code finds the registers at the object's address, and what it needs for
    // an upcall behind them.
    machine::SavedState saved{};
    abi::Upcall upcall{};
    // Instead of upcall.entry in a JOS space, where every fault goes through the kernel.
    std::uint64_t jos_upcall = 0;

    abi::EnvId id;
    SpinLock* lock = nullptr;       // in its slot of the id table; guards what follows
    std::uint64_t slot_offset = 0;  // of its slot and its view in their arrays, in bytes

    // What the short way from one environment to another looks at and changes: see Messages below.
    Relaxed<std::uint64_t> ready_for = nobody;
    std::atomic<std::uint64_t> detours = 0;
    RunsOn on;  // processor that runs it, or still holds its registers
    static constexpr unsigned nowhere = RunsOn::nowhere;

    ShownState state{abi::EnvState::stopped};
    Published<unsigned> queued_on = nowhere;  // whose run queue it is in; guarded by that queue
    bool starts_again = false;                // stopped; runnable once its processor let go of it
    abi::EnvStatus end{};                     // how it ended

    // Blocking
    Wait wait = Wait::none;
    bool interruptible = false;              // pending bits end the wait
    bool has_options = false;                // its letter's count
    std::uint64_t wait_for = 0;              // the other one's id, or bits
    std::uint64_t deadline = 0;              // nanoseconds; 0: none
    Published<unsigned> timer_on = nowhere;  // whose deadlines it is in; guarded by those
    std::uint64_t word_place = 0;            // a memory word's WordKey
    std::uint64_t word_offset = 0;
    ListLink<Environment> queue;  // in the run queue or what it waits in
    IntrusiveList<Environment, &Environment::queue> followers;  // guarded by its run queue
    ListLink<Environment> timer;                                // in a processor's deadlines

    // Messages
    // Who may go straight to it, past the scheduler (kernel/calls/ipc_shortcuts.cpp): only while it
    // waits with nothing to see to but what that way does. Set when it has let go of its processor,
    // cleared with whatever ends the wait.
    static constexpr std::uint64_t nobody = 0;
    static constexpr std::uint64_t anyone = 1;              // it receives, and was called before
    static constexpr std::uint64_t with_vectors = 1 << 15;  // besides: it has vector registers
    static_assert(abi::env_view_slots <= with_vectors);     // so no id has that bit
    // `ready_for` is one of these, or the id of whom it called.
    bool was_called = false;  // somebody waits for its reply, or did once

    // One that waits so is kept as it will be when it goes on: runnable, in no wait, on the processor
    // that it ran on last. So is a processor's yielder, which waits in no queue. Whoever finds one makes
    // it say what is (IdTable::find).
    void settle() {
        if (on != nowhere) [[unlikely]] {
            settle_kept();
        }
    }
    bool awaits_partner() const { return (ready_for & ~with_vectors) != nobody; }
    // What diagnostics show, who find nothing and change nothing.
    abi::EnvState present_state() const {
        return awaits_partner() ? abi::EnvState::blocked : abi::EnvState{state};
    }
    struct PresentWait {
        Wait what;
        std::uint64_t of;  // an id, 0 for anyone's; or bits
    };
    PresentWait present_wait() const {
        auto const partner = ready_for & ~with_vectors;
        if (partner == nobody) {
            return {wait, wait_for};
        }
        return partner == anyone ? PresentWait{Wait::to_receive, 0}
                                 : PresentWait{Wait::for_reply, partner};
    }

    // `detours`: why a call of this environment, when it runs, must not go straight to another one.
    // Events add to it; what has passed is forgotten when it goes the general way.
    struct Detour {
        static constexpr std::uint64_t pending = 1;  // interrupt bits
        static constexpr std::uint64_t stopped = 2;  // or ended
        static constexpr std::uint64_t senders = 4;  // if it wants to receive
        static constexpr std::uint64_t vectors = 8;  // to be saved
    };
    void forget_detours() {
        detours.store((pending.load(std::memory_order_relaxed) != 0 ? Detour::pending : 0) |
                          (senders.empty() ? 0 : Detour::senders) |
                          (saved.vector_area == nullptr ? 0 : Detour::vectors),
                      std::memory_order_relaxed);
    }
    bool has_detour(std::uint64_t which) const {
        return (detours.load(std::memory_order_relaxed) & which) != 0;
    }
    Letter letter;
    IntrusiveList<Environment, &Environment::queue> senders;      // want to send to this one
    IntrusiveList<Environment, &Environment::queue> end_waiters;  // wait for its end

    // Debugging
    bool stepping = false;       // the monitor waits for its next instruction
    bool traces_result = false;  // its call's result is still to be printed

    // Interrupts
    std::atomic<std::uint64_t> pending = 0;  // bits posted and not yet taken
    abi::Control* control = nullptr;         // its control page, through the direct map
    PhysPage control_frame;
    std::uint64_t upcall_entry() const { return jos_upcall != 0 ? jos_upcall : upcall.entry; }
    abi::EnvId notify;              // who hears of its end,
    std::uint64_t notify_bits = 0;  // and how

    Space& space() const { return space_; }
    PhysPage own_frame() const { return own_frame_; }
    bool ended() const { return state == abi::EnvState::ended; }
    // Whether going on is nothing more than registers.
    bool goes_straight() const {
        return pending.load(std::memory_order_relaxed) == 0 && !traces_result;
    }
    std::uint64_t vectors_flag() const { return saved.vector_area == nullptr ? 0 : with_vectors; }

    Environment* next_in_space = nullptr;  // all of the space's, ended too; under the family lock

  private:
    friend struct machine::EntryLayout;
    void settle_kept();  // kernel/scheduler.cpp
    Space& space_;
    PhysPage own_frame_;
};
static_assert(sizeof(Environment) <= page_bytes);

// Where its control page lies in its space.
inline UserPage control_page_of(Environment const& environment) {
    return UserPage::containing(UserAddr{abi::control_address(environment.id)});
}

using EnvironmentQueue = IntrusiveList<Environment, &Environment::queue>;

}  // namespace quarry
