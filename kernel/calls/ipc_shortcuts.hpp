// Short ways between two environments of which one waits for the other: the processor goes straight
// from the caller to its partner, the words stay in registers. As with pages, a shortcut does the
// whole call, or changes nothing and hands it on (kernel/messages.cpp).
#pragma once

#include "abi/calls.hpp"
#include "kernel/dispatch.hpp"
#include "machine/calling.hpp"

namespace quarry {

// What the call table holds: the machine stores where the caller goes on, then jumps to the shortcut.
extern "C" Word quarry_ipc_call(Word, Word, Word, Word, Word, Word);
extern "C" Word quarry_ipc_reply(Word, Word, Word, Word, Word, Word);
extern "C" Word quarry_yield_to(Word, Word, Word, Word, Word, Word);

template <>
inline constexpr CallEntry shortcut<abi::IpcCall> = &quarry_ipc_call;
template <>
inline constexpr CallEntry shortcut<abi::IpcReplyReceive> = &quarry_ipc_reply;
template <>
inline constexpr CallEntry shortcut<abi::YieldTo> = &quarry_yield_to;

// Their arguments are the call's, behind four that mean nothing: machine/calling.hpp.
QUARRY_KEEPS_NOTHING quarry_ipc_call_shortcut(Word, Word, Word, Word, Word to_id, Word, Word, Word,
                                              Word, Word options);
QUARRY_KEEPS_NOTHING quarry_ipc_reply_shortcut(Word, Word, Word, Word, Word to_id, Word, Word, Word,
                                               Word, Word options);
QUARRY_KEEPS_NOTHING quarry_yield_to_shortcut(Word, Word, Word, Word, Word to_id, Word, Word, Word,
                                              Word, Word);

// How they end, by the machine: the environment goes on with the sender's id and its words, or the
// call with this index goes the general way.
QUARRY_KEEPS_NOTHING quarry_switch_to(Word environment, Word, Word, Word, Word sender, Word, Word,
                                      Word, Word, Word);
QUARRY_KEEPS_NOTHING quarry_decline(Word index, Word, Word, Word, Word, Word, Word, Word, Word,
                                    Word);

}  // namespace quarry
