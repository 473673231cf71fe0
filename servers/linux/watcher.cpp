#include "servers/linux/watcher.hpp"

#include <atomic>

namespace quarry::server {
namespace {

constexpr std::uint64_t time_bit = 2;

constinit std::atomic<std::uint64_t> next_time = 0;
constinit std::atomic<std::uint64_t> own_environment = 0;

void watch(std::uint64_t server) {
    for (;;) {
        auto const at = next_time.load();
        auto const waited = interrupt_wait(ended_bit | time_bit, at);
        bool const ended = waited && (*waited & ended_bit) != 0;
        bool const due = at != 0 && *clock_nanoseconds() >= at;
        if (due) {
            auto expected = at;
            next_time.compare_exchange_strong(expected, 0);
        }
        if (ended || due) {
            (void)ipc_send(abi::EnvId{server}, 0, 0, 0, 0, {nullptr});
        }
    }
}

}  // namespace

Result<Thread> start_watcher() {
    auto thread = TRY(Thread::start(watch, env_self()->value));
    own_environment = thread.env().value;
    return thread;
}

abi::EnvId watcher_environment() { return abi::EnvId{own_environment.load()}; }

void watch_time(std::uint64_t at) {
    if (next_time.exchange(at) != at) {
        (void)env_interrupt(watcher_environment(), time_bit);
    }
}

}  // namespace quarry::server
