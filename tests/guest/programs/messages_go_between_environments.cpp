// Calls, replies, sends and page transfer between threads and with a dead partner.
#include "tests/guest/check.hpp"
#include "user/rt/thread.hpp"

namespace {
using namespace quarry;
using namespace quarry::test;

constexpr std::uint64_t quit = 1u << 20;
constexpr std::uint64_t window = free_area + (1u << 30);

// Answers each call with its words added up and what the first transferred word holds.
void serve(std::uint64_t) {
    abi::IpcOptions options{};
    options.window = {window, 4};
    auto message = ipc_receive({&options});
    while (message && message->words[0] != quit) {
        auto const sum =
            message->words[0] + message->words[1] + message->words[2] + message->words[3];
        auto const seen = message->pages != 0 ? *reinterpret_cast<std::uint64_t const*>(window) : 0;
        message = ipc_reply_receive(message->sender, sum, seen, message->pages, 0, {&options});
    }
}

// Asks the environment twice and ends with what came back.
void ask_twice(std::uint64_t env) {
    abi::EnvId const to{env};
    auto const first = ipc_call(to, 1, 0, 0, 0, {});
    auto const second = ipc_call(to, 2, 0, 0, 0, {});
    exit_program(first && second ? static_cast<int>(first->words[0] + second->words[0]) : 0);
}

abi::EnvId main_env;

void receive_nothing(std::uint64_t) { (void)sleep_until(~std::uint64_t{0} >> 1); }
}  // namespace

int main() {
    main_env = *env_self();
    {
        auto server = Thread::start(serve);
        check(server.has_value(), "a thread");
        auto const to = server->env();
        for (std::uint64_t i = 0; i < 1000; ++i) {
            auto const answer = ipc_call(to, i, 2, 3, 4, {});
            check(answer && answer->words[0] == i + 9 && answer->sender == to, "the sum");
        }
        check(page_alloc(own_space, {free_area, 2}, abi::permission::write).has_value(), "pages");
        *reinterpret_cast<std::uint64_t*>(free_area) = 4711;
        abi::IpcOptions options{};
        options.send = {free_area, 2};
        options.permissions = abi::permission::read;
        auto const answer = ipc_call(to, 1, 0, 0, 0, {&options});
        check(answer && answer->words[1] == 4711 && answer->words[2] == 2, "pages came along");
        options.send = {free_area, 5};
        check_error(ipc_call(to, 1, 0, 0, 0, {&options}), Error::bad_range,
                    "more pages than the window has");
        options.send = {free_area + (1u << 20), 1};
        check_error(ipc_call(to, 1, 0, 0, 0, {&options}), Error::not_mapped, "a page of nothing");
        check(ipc_send(to, quit, 0, 0, 0, {}).has_value(), "send");
        check(server->join().cause == abi::EndCause::exited, "it ended by itself");
        check_error(ipc_call(to, 1, 0, 0, 0, {}), Error::not_found, "a partner that is gone");
    }
    {
        auto deaf = Thread::start(receive_nothing);
        abi::IpcOptions options{};
        options.deadline = 1;
        check_error(ipc_send(deaf->env(), 1, 0, 0, 0, {&options}), Error::timed_out, "no wait");
        options.deadline = *clock_nanoseconds() + 1'000'000;
        check_error(ipc_call(deaf->env(), 1, 0, 0, 0, {&options}), Error::timed_out, "deadline");
        auto const self = *env_self();
        check_error(ipc_send(self, 1, 0, 0, 0, {}), Error::bad_argument, "to oneself");
        check_error(ipc_reply_receive(deaf->env(), 0, 0, 0, 0, {}), Error::not_waiting,
                    "a reply to who asked nothing");
        options = {};
        options.flags = 2;
        check_error(ipc_receive({&options}), Error::bad_argument, "unknown flags");
        options = {};
        options.from = deaf->env();
        // Its end wakes who waits for it alone.
        auto const waited = Thread::start(
            [](std::uint64_t env) {
                wait_until_blocked(main_env);
                (void)env_destroy({env});
            },
            deaf->env().value);
        check_error(ipc_receive({&options}), Error::ended, "the partner was killed");
    }
    {
        auto asker = Thread::start(ask_twice, env_self()->value);
        wait_until_blocked(asker->env());
        check_error(ipc_reply_receive(asker->env(), 0, 0, 0, 0, {}), Error::not_waiting,
                    "a reply to a call that was not received yet");
        check(ipc_receive({}).has_value(), "its first call");
        abi::IpcOptions options{};
        options.from = asker->env();
        auto const next = ipc_reply_receive(asker->env(), 30, 0, 0, 0, {&options});
        check(next && next->words[0] == 2, "the answer, and the next call of the same one");
        options.deadline = 1;
        check_error(ipc_reply_receive(asker->env(), 4, 0, 0, 0, {&options}), Error::timed_out,
                    "the answer, and nothing more");
        check(asker->join().exit_status == 34, "both answers came");
    }
    return 0;
}
