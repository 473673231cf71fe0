#include "user/linux/server.hpp"

#include "user/linux/signals.hpp"
#include "user/linux/uapi.hpp"

namespace quarry::libos {

constinit Process process;

std::int64_t ask(std::uint64_t operation, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    auto message = ipc_call(process.server, operation, a, b, c, {nullptr});
    while (!message && message.error() == Error::interrupted) {
        // Stopped, and started again, before the server took the message.
        message = ipc_call(process.server, operation, a, b, c, {nullptr});
    }
    if (!message) {
        end_process_now();  // the server is gone, and with it all that the process could do
    }
    auto& results = channel_of(this_thread()).results;
    results = {message->words[1], message->words[2], message->words[3], 0};
    return static_cast<std::int64_t>(message->words[0]);
}

std::int64_t map_pages(std::uint64_t handle, std::uint64_t first_page, std::uint64_t pages,
                       std::uint64_t address, abi::Permissions permissions) {
    return ask(protocol::Operation::map_pages, handle, first_page << 16 | pages,
               address | permissions.bits);
}

Waited wait_for_change(std::uint32_t seen, std::uint64_t deadline) {
    auto const* const word = &channel_of(this_thread()).changes;
    for (;;) {
        auto const waited =
            word_wait({word}, seen, static_cast<std::uint64_t>(abi::WordScope::shared), deadline);
        take_held();
        if (is_wanted(this_thread())) {
            return Waited::interrupted;
        }
        if (waited || waited.error() == Error::changed) {
            return Waited::changed;
        }
        if (waited.error() == Error::timed_out) {
            return Waited::timed_out;
        }
    }
}

std::int64_t ask_until_done(std::uint64_t operation, std::uint64_t a, std::uint64_t b,
                            std::uint64_t c, std::uint64_t deadline) {
    auto& channel = channel_of(this_thread());
    for (;;) {
        auto const seen = __atomic_load_n(&channel.changes, __ATOMIC_ACQUIRE);
        auto const answer = ask(operation, a, b, c);
        if (answer != protocol::would_block) {
            return answer;
        }
        switch (wait_for_change(seen, deadline)) {
            case Waited::changed:
                break;
            case Waited::timed_out:
                return -ETIMEDOUT;
            case Waited::interrupted: {
                // What came with the signal (a child's end with SIGCHLD) goes before it.
                auto const last = ask(operation, a, b, c);
                return last == protocol::would_block ? restart_after_signal : last;
            }
        }
    }
}

}  // namespace quarry::libos
