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
    self.other_space = &from;
    self.active_space = &to;
    machine::activate_other(to.root());
}

// The caller waits, as one that others may go straight to.
void block(Environment& caller, Wait wait, std::uint64_t wait_for, std::uint64_t ready_for) {
    caller.interruptible = false;
    caller.has_options = false;
    caller.wait = wait;
    caller.wait_for = wait_for;
    caller.ready_for = ready_for;
    caller.state = abi::EnvState::blocked;
}

// To whom the processor goes, for whom the message is from; nobody: nothing was done.
struct Switch {
    Environment* to;
    Word sender;
};

// Whether one of the two has vector registers to be saved or loaded. Most shortcuts are between two that
// have none, and are made first as if all were.
enum class Vectors : bool { none, some };

// Goes to another environment if it is ready for `ready_for`, and what the caller must do first can
// be done: `commit` says so and does it. With both locked; whose lock is taken is not waited for.
template <Vectors Kept, typename Commit>
[[gnu::always_inline]] inline Switch go_to(Word to_id, Word ready_for,
                                           Commit commit) NO_THREAD_SAFETY_ANALYSIS {
    auto& self = this_processor();
    auto& caller = *self.current;
    auto& own_lock = *caller.lock;
    auto& slot = the_kernel.environments.entry_of(to_id);
    if (!slot.lock.try_lock()) [[unlikely]] {
        return {};
    }
    auto& to = *slot.object.load(std::memory_order_relaxed);
    if (slot.id.load(std::memory_order_relaxed) != to_id || to.ready_for != ready_for ||
        !own_lock.try_lock()) [[unlikely]] {
        slot.lock.unlock();
        return {};
    }
    // Its calls are not traced, or they would not come here.
    auto const areas = __builtin_bit_cast(Word, caller.saved.vector_area) |
                       __builtin_bit_cast(Word, to.saved.vector_area);
    bool const is_light =
        (caller.pending.load(std::memory_order_relaxed) | (Kept == Vectors::none ? areas : 0)) == 0;
    auto& here = caller.space();
    auto& there = to.space();
    bool const changes_space = &here != &there;
    if (!is_light || caller.state != abi::EnvState::runnable ||
        (changes_space && !enter_space(self, there))) [[unlikely]] {
        own_lock.unlock();
        slot.lock.unlock();
        return {};
    }
    if (!commit(self, caller, to)) [[unlikely]] {
        own_lock.unlock();
        slot.lock.unlock();
        return {};
    }
    if (changes_space) {
        go_to_other_space(self, here, there);
    }
    machine::switch_bases(caller.saved, to.saved);
    if constexpr (Kept == Vectors::some) {
        machine::switch_vectors(caller, to);
    }
    to.ready_for = Environment::nobody;
    to.on = self.index;
    self.current = &to;
    machine::set_entry_frame(self, to);
    auto const sender = caller.id.value;
    caller.on = Environment::nowhere;
    own_lock.unlock();
    slot.lock.unlock();
    return {&to, sender};
}

template <Vectors Kept>
[[gnu::always_inline]] inline Switch call(Word to_id, Word options) {
    if (options != 0) [[unlikely]] {
        return {};
    }
    return go_to<Kept>(to_id, Environment::anyone,
                       [&](Processor& self, Environment& caller, Environment& to) {
                           block(caller, Wait::for_reply, to_id, to_id);
                           to.was_called = true;
                           to.wait = Wait::none;
                           to.state.resume_on(self.index);
                           return true;
                       });
}

template <Vectors Kept>
[[gnu::always_inline]] inline Switch reply(Word to_id, Word options) {
    if (options != 0) [[unlikely]] {
        return {};
    }
    return go_to<Kept>(to_id, this_processor().current->id.value,
                       [](Processor& self, Environment& caller, Environment& to) {
                           if (!caller.senders.empty()) {
                               return false;
                           }
                           block(caller, Wait::to_receive, 0, Environment::anyone);
                           to.wait = Wait::none;
                           to.state.resume_on(self.index);
                           return true;
                       });
}

}  // namespace

// The second try, with vector registers; then the general way.
#define QUARRY_WITH_VECTORS(name, try_it, index)                                                  \
    QUARRY_KEEPS_NOTHING name(Word, Word, Word, Word, Word to_id, Word word0, Word word1,         \
                              Word word2, Word word3, Word options) {                             \
        auto const next = try_it<Vectors::some>(to_id, options);                                  \
        if (next.to == nullptr) {                                                                 \
            [[clang::musttail]] return quarry_decline(index, 0, 0, 0, to_id, word0, word1, word2, \
                                                      word3, options);                            \
        }                                                                                         \
        [[clang::musttail]] return quarry_switch_to(__builtin_bit_cast(Word, next.to), 0, 0, 0,   \
                                                    next.sender, word0, word1, word2, word3, 0);  \
    }
QUARRY_WITH_VECTORS(quarry_ipc_call_with_vectors, call, abi::IpcCall::index)
QUARRY_WITH_VECTORS(quarry_ipc_reply_with_vectors, reply, abi::IpcReplyReceive::index)
#undef QUARRY_WITH_VECTORS

#define QUARRY_LIGHT(name, try_it, otherwise)                                                    \
    QUARRY_KEEPS_NOTHING name(Word, Word, Word, Word, Word to_id, Word word0, Word word1,        \
                              Word word2, Word word3, Word options) {                            \
        auto const next = try_it<Vectors::none>(to_id, options);                                 \
        if (next.to == nullptr) [[unlikely]] {                                                   \
            [[clang::musttail]] return otherwise(0, 0, 0, 0, to_id, word0, word1, word2, word3,  \
                                                 options);                                       \
        }                                                                                        \
        [[clang::musttail]] return quarry_switch_to(__builtin_bit_cast(Word, next.to), 0, 0, 0,  \
                                                    next.sender, word0, word1, word2, word3, 0); \
    }
QUARRY_LIGHT(quarry_ipc_call_shortcut, call, quarry_ipc_call_with_vectors)
QUARRY_LIGHT(quarry_ipc_reply_shortcut, reply, quarry_ipc_reply_with_vectors)
#undef QUARRY_LIGHT

QUARRY_KEEPS_NOTHING quarry_yield_to_shortcut(Word, Word, Word, Word, Word to_id, Word, Word, Word,
                                              Word, Word) {
    // The caller takes the other one's place in this processor's queue.
    auto const next = go_to<Vectors::none>(
        to_id, Environment::its_yielder, [](Processor& self, Environment& caller, Environment& to) {
            if (!self.ready.replace(to, caller, self.index)) {
                return false;
            }
            caller.ready_for = Environment::its_yielder;
            caller.state.run_no_more();
            caller.saved.set_result(0);
            to.state.run_on(self.index);
            return true;
        });
    if (next.to == nullptr) [[unlikely]] {
        [[clang::musttail]] return quarry_decline(abi::YieldTo::index, 0, 0, 0, to_id, 0, 0, 0, 0,
                                                  0);
    }
    [[clang::musttail]] return quarry_switch_to(__builtin_bit_cast(Word, next.to), 0, 0, 0, 0, 0, 0,
                                                0, 0, 0);
}

}  // namespace quarry
