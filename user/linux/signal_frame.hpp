// What a handler finds on its stack, and the way back from it.
#pragma once

#include "user/linux/signals.hpp"

namespace quarry::libos {

struct SignalInfo {  // Linux's siginfo_t
    std::int32_t number, error, code, pad;
    std::uint64_t value[14];
};
static_assert(sizeof(SignalInfo) == 128);

SignalInfo info_of(protocol::SignalNote const& note);

// The program goes on in its handler for the note's signal, which may have been a fault. False: there
// is no stack for it.
bool push_handler(Registers& registers, protocol::SignalNote const& note, FaultCause const* cause);

// Registers as the handler's frame on the program's stack says: rt_sigreturn.
void return_from_handler(Registers& registers);

}  // namespace quarry::libos
