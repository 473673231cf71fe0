// What belongs to one processor: what it runs, what it will run next, and what it keeps at hand so
// that it need not touch what others write.
#pragma once

#include "kernel/account.hpp"
#include "kernel/frame_cache.hpp"
#include "kernel/run_queue.hpp"
#include "kernel/shootdown.hpp"
#include "kernel/timer_queue.hpp"
#include "kernel/yielder.hpp"
#include "machine/processor_state.hpp"

#include <array>
#include <cstddef>

namespace quarry {

class Environment;
class Space;

inline constexpr std::size_t max_processors = 64;

struct alignas(64) Processor {
    machine::ProcessorState machine;  // first: entry code finds it
    Environment* current = nullptr;
    abi::ViewStatus running = abi::ViewStatus::running;  // with `index`, RunsOn::word_of(index)
    unsigned index = 0;
    std::uint64_t bit = 1;          // itself as a set
    bool yield = false;             // the current one lets others go first
    bool stopped = false;           // in tests: nothing will run any more
    std::uint64_t handoff = 0;      // who runs next, by id; 0: whoever is first in the queue
    Space* active_space = nullptr;  // whose translations the processor may hold
    Space* other_space = nullptr;   // to which it comes back without asking (ipc_shortcuts.cpp)
    Yielder yielder;
    bool yields_to = false;  // the current one is to become that

    ChargeInHand charge;
    FrameCache frames;
    RunQueue ready;
    TimerQueue deadlines;
    std::uint64_t timer_at = TimerQueue::never;  // when the machine's timer will fire
    Mailbox mailbox;
#ifdef QUARRY_CHECK_LOCKS
    std::array<SpinLock const*, 16> held_locks{};
    std::size_t held_lock_count = 0;
#endif

    // Whether something could run here besides what does.
    bool others_wait() const { return !ready.empty() || yielder.id() != 0; }
};

// The processors that run, by index; the first one is there from the start.
extern constinit std::array<Processor*, max_processors> processors;
extern constinit std::atomic<unsigned> processor_count;

// The one that executes this. It stays the same until it goes back to user mode.
inline Processor& this_processor() { return *machine::this_processor(); }

template <typename Visitor>
void each_processor(Visitor visitor) {
    auto const count = processor_count.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i) {
        visitor(*processors[i]);
    }
}

}  // namespace quarry
