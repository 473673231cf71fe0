// Signals that have come and were not taken yet: for the process or one of its threads. The pending
// sets say which; what they said waits in a pool. Interrupts add to it at any time, so nothing here
// waits or takes a lock.
#pragma once

#include "user/linux/thread.hpp"

#include <cstdint>

namespace quarry::libos {

// Adds one. False: there is no room for another that queues.
bool enqueue_signal(protocol::SignalNote const& note);

// Takes what the server left in the calling thread's channel.
void collect_signals();

// Takes the lowest one of `set` that is pending for the calling thread or the process; number 0: none.
protocol::SignalNote take_signal(std::uint64_t set);

// What is pending for a thread, the process's included.
std::uint64_t pending_signals(Thread const& thread);

// Forgets those in `set`, for the calling thread and the process.
void drop_signals(std::uint64_t set);

// In a child of fork: nothing is pending.
void forget_signals();

}  // namespace quarry::libos
