// Waiting for a word of memory to change, and waking who waits. The check of the word and the wait
// are one step: whoever changes the word and wakes finds the waiter, or the waiter sees the change.
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"
#include "kernel/user_memory.hpp"
#include "machine/machine.hpp"

namespace quarry {

Result<void> Kernel::wait_for_word(Environment& caller, WordKey key, UserIn<std::uint32_t> word,
                                   std::uint32_t expected, std::uint64_t deadline,
                                   bool interruptible) {
    auto& bucket = word_waiters.bucket_of(key);
    LockGuard const guard(bucket.lock);
    if (TRY(word.read()) != expected) {
        return Error::changed;
    }
    TRY(block(caller, Wait::word, 0, deadline, interruptible));
    caller.word_place = key.place;
    caller.word_offset = key.offset;
    bucket.waiters.push_back(caller);
    return {};
}

// Whether nobody has taken it out of its bucket.
bool Kernel::is_among_waiters(Environment const& environment) {
    LockGuard const guard(
        word_waiters.bucket_of({environment.word_place, environment.word_offset}).lock);
    return EnvironmentQueue::contains_link(environment);
}

// Takes it out of its bucket if nobody has yet. A frame that was held for it is let go.
void Kernel::leave_word(Environment& environment) {
    WordKey const key{environment.word_place, environment.word_offset};
    auto& bucket = word_waiters.bucket_of(key);
    bool was_in = false;
    {
        LockGuard const guard(bucket.lock);
        was_in = EnvironmentQueue::contains_link(environment);
        if (was_in) {
            bucket.waiters.remove(environment);
        }
    }
    if (was_in && key.is_shared()) {
        FrameRef::drop(memory, UserFrame{PhysPage::numbered(key.place)});
    }
}

// The id of one that waits for the word, taken out of the bucket; 0 if there is none.
std::uint64_t Kernel::pop_word_waiter(WordKey key) {
    auto& bucket = word_waiters.bucket_of(key);
    LockGuard const guard(bucket.lock);
    for (auto* waiter = bucket.waiters.first(); waiter != nullptr;
         waiter = bucket.waiters.after(*waiter)) {
        if (WordKey{waiter->word_place, waiter->word_offset} == key) {
            bucket.waiters.remove(*waiter);
            return waiter->id.value;
        }
    }
    return 0;
}

std::uint64_t Kernel::wake_word(WordKey key, std::uint64_t count) {
    std::uint64_t woken = 0;
    while (woken < count) {
        auto const id = pop_word_waiter(key);
        if (id == 0) {
            break;
        }
        if (key.is_shared()) {
            FrameRef::drop(memory, UserFrame{PhysPage::numbered(key.place)});
        }
        auto found = environments.find(id);
        // Its deadline or an interrupt may have been quicker, and it may wait for another word by
        // now; then the next one is woken instead.
        if (found.object != nullptr && found.object->state == abi::EnvState::blocked &&
            found.object->wait == Wait::word && !is_among_waiters(*found.object)) {
            auto& environment = *found.object;
            cancel_deadline(environment);
            end_wait(environment, 0);
            ++woken;
        }
    }
    return woken;
}

}  // namespace quarry
