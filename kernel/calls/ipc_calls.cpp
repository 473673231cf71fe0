// Messages: kernel/messages.cpp does the work; here the caller's letter is written.
#include "kernel/handlers.hpp"
#include "machine/machine.hpp"

#include <utility>

namespace quarry {
namespace {

using Options = UserMaybe<abi::IpcOptions>;

constexpr std::uint64_t known_flags = abi::ipc_interruptible;

Result<void> write_letter(Caller& caller, std::array<std::uint64_t, 4> words, bool wants_reply,
                          Options const& options) {
    auto& letter = caller.environment.letter;
    letter.words = words;
    letter.wants_reply = wants_reply;
    caller.environment.has_options = options.given();
    if (options.given()) [[unlikely]] {
        letter.options = TRY(options.read());
        if ((letter.options.flags & ~known_flags) != 0) {
            return Error::bad_argument;
        }
    }
    return {};
}

}  // namespace

Result<abi::Message> handle(Tag<abi::IpcCall>, Caller& caller, PeerRef to, std::uint64_t word0,
                            std::uint64_t word1, std::uint64_t word2, std::uint64_t word3,
                            Options options) {
    if (&to.environment() == &caller.environment) {
        return Error::bad_argument;
    }
    auto const self = TRY(caller.try_lock_self());
    TRY(write_letter(caller, {word0, word1, word2, word3}, true, options));
    TRY(caller.kernel.send(caller.environment, to.environment()));
    return deferred;
}

Result<void> handle(Tag<abi::IpcSend>, Caller& caller, PeerRef to, std::uint64_t word0,
                    std::uint64_t word1, std::uint64_t word2, std::uint64_t word3,
                    Options options) {
    if (&to.environment() == &caller.environment) {
        return Error::bad_argument;
    }
    auto const self = TRY(caller.try_lock_self());
    TRY(write_letter(caller, {word0, word1, word2, word3}, false, options));
    return caller.kernel.send(caller.environment, to.environment());
}

Result<abi::Message> handle(Tag<abi::IpcReceive>, Caller& caller, Options options) {
    auto const self = HeldLock::take(*caller.environment.lock);
    TRY(write_letter(caller, {}, false, options));
    TRY(caller.kernel.receive(caller.environment));
    return deferred;
}

Result<abi::Message> handle(Tag<abi::IpcReplyReceive>, Caller& caller, PeerRef to,
                            std::uint64_t word0, std::uint64_t word1, std::uint64_t word2,
                            std::uint64_t word3, Options options) {
    if (&to.environment() == &caller.environment) {
        return Error::not_waiting;
    }
    {
        auto const partner = std::move(to);
        auto const self = TRY(caller.try_lock_self());
        TRY(write_letter(caller, {word0, word1, word2, word3}, false, options));
        TRY(caller.kernel.reply(caller.environment, partner.environment()));
    }
    // The reply has gone, so from here on the call cannot begin again; and nobody's lock is held,
    // so that what keeps receive() busy passes.
    for (;;) {
        {
            auto const self = HeldLock::take(*caller.environment.lock);
            auto const received = caller.kernel.receive(caller.environment);
            if (received || received.error() != busy) {
                TRY(received);
                break;
            }
        }
        machine::spin_pause();
    }
    return deferred;
}

}  // namespace quarry
