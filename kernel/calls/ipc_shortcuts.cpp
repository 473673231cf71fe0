#include "kernel/calls/ipc_shortcuts.hpp"

#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

namespace quarry {
namespace {

// Kernel::use_space without waiting, in two steps of which the second cannot fail. False: a page call is
// under way there, and nothing was done. Partners go to and fro, so the processor stays in the set of
// the space it leaves, until it goes to a third one or is asked to forget something.
bool enter_space(Processor& self, Space& to) {
    if (&to == self.other_space) [[likely]] {
        return true;
    }
    to.active.enter(self.bit);
    if (to.lock->is_taken()) [[unlikely]] {
        to.active.leave(self.bit);
        return false;
    }
    if (self.other_space != nullptr) {
        self.other_space->active.leave(self.bit);
    }
    self.other_space = &to;
    return true;
}
void go_to_other_space(Processor& self, Space& from, Space& to) {
    self.yielder.not_at_hand();
    self.other_space = &from;
    self.active_space = &to;
    machine::activate_other(to.root());
}

// To whom the processor goes, for whom the message is from; nobody: nothing was done.
struct Switch {
    Environment* to;
    Word sender;
};

// Goes to another environment if that `is_ready`, unless a detour keeps the caller, and does `commit`.
// With both locked; whose lock is taken is not waited for.
template <typename IsReady, typename Commit>
[[gnu::always_inline]] inline Switch go_to(Word to_id, IsReady is_ready, Word detours,
                                           Commit commit) NO_THREAD_SAFETY_ANALYSIS {
    auto& self = this_processor();
    auto& caller = *self.current;
    auto& own_lock = *caller.lock;
    auto& slot = the_kernel.environments.entry_of(to_id);
    if (!slot.lock.try_lock()) [[unlikely]] {
        return {};
    }
    auto& to = *slot.object.load(std::memory_order_relaxed);
    if (slot.id.load(std::memory_order_relaxed) != to_id || !is_ready(self, to) ||
        !own_lock.try_lock()) [[unlikely]] {
        slot.lock.unlock();
        return {};
    }
    // Its calls are not traced, or they would not come here.
    auto& here = caller.space();
    auto& there = to.space();
    bool const changes_space = &here != &there;
    if (caller.has_detour(detours) || (changes_space && !enter_space(self, there))) [[unlikely]] {
        own_lock.unlock();
        slot.lock.unlock();
        return {};
    }
    if (changes_space) {
        go_to_other_space(self, here, there);
    }
    commit(self, caller, to);
    machine::switch_bases(caller.saved, to.saved);
    if (caller.saved.vector_area != nullptr || to.saved.vector_area != nullptr) {
        machine::switch_vectors(caller, to);
    }
    to.ready_for = Environment::nobody;
    to.on = self.index;
    to.state.run_on(self.index);
    self.current = &to;
    machine::set_entry_frame(self, to);
    auto const sender = caller.id.value;
    own_lock.unlock();
    slot.lock.unlock();
    return {&to, sender};
}

// For calls and replies: it waits for them.
auto waits_for(Word ready_for) {
    return [ready_for](Processor const&, Environment const& to) {
        return (to.ready_for & ~Environment::with_vectors) == ready_for;
    };
}
// The caller waits, as one that others may go straight to.
void wait_for_partner(Environment& caller, Word ready_for) {
    caller.ready_for = ready_for | caller.vectors_flag();
    caller.state.wait();
}

using Detour = Environment::Detour;
constexpr Word of_a_call = Detour::pending | Detour::stopped;
constexpr Word of_a_reply = of_a_call | Detour::senders;

}  // namespace

#define QUARRY_SHORTCUT(name, index, attempt)                                                     \
    QUARRY_KEEPS_NOTHING name(Word, Word, Word, Word, Word to_id, Word word0, Word word1,         \
                              Word word2, Word word3, Word options) {                             \
        auto const next = options == 0 ? (attempt) : Switch{};                                    \
        if (next.to == nullptr) [[unlikely]] {                                                    \
            [[clang::musttail]] return quarry_decline(index, 0, 0, 0, to_id, word0, word1, word2, \
                                                      word3, options);                            \
        }                                                                                         \
        [[clang::musttail]] return quarry_switch_to(__builtin_bit_cast(Word, next.to), 0, 0, 0,   \
                                                    next.sender, word0, word1, word2, word3, 0);  \
    }
QUARRY_SHORTCUT(quarry_ipc_call_shortcut, abi::IpcCall::index,
                go_to(to_id, waits_for(Environment::anyone), of_a_call,
                      [&](Processor&, Environment& caller, Environment&) {
                          wait_for_partner(caller, to_id);
                      }))
QUARRY_SHORTCUT(quarry_ipc_reply_shortcut, abi::IpcReplyReceive::index,
                go_to(to_id, waits_for(this_processor().current->id.value), of_a_reply,
                      [](Processor&, Environment& caller, Environment&) {
                          wait_for_partner(caller, Environment::anyone);
                      }))
#undef QUARRY_SHORTCUT

QUARRY_KEEPS_NOTHING quarry_yield_to_shortcut(Word, Word, Word, Word, Word to_id, Word, Word, Word,
                                              Word, Word) {
    auto const next = go_to(
        to_id,
        [](Processor const& self, Environment const& to) {
            return self.yielder.id() == to.id.value;
        },
        of_a_call,
        // The caller takes the other one's place.
        [](Processor& self, Environment& caller, Environment& to) {
            bool const plain =
                caller.saved.vector_area == nullptr && to.saved.vector_area == nullptr;
            self.yielder.set(caller.id.value, caller.slot_offset,
                             plain && &caller.space() != &to.space());
        });
    if (next.to == nullptr) [[unlikely]] {
        [[clang::musttail]] return quarry_decline(abi::YieldTo::index, 0, 0, 0, to_id, 0, 0, 0, 0,
                                                  0);
    }
    [[clang::musttail]] return quarry_switch_to(__builtin_bit_cast(Word, next.to), 0, 0, 0, 0, 0, 0,
                                                0, 0, 0);
}

}  // namespace quarry
