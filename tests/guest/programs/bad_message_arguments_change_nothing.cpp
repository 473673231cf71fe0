// Messages and waits with every kind of bad argument: the documented error, the other side goes on
// waiting, no page is mapped or charged.
#include "tests/guest/check.hpp"
#include "user/rt/thread.hpp"

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr abi::EnvId no_such_env{0x7777'0009};
constexpr std::uint64_t window = free_area + (1u << 30);
constexpr std::uint64_t kernel_address = 0xffff'8000'0000'0000;
constexpr std::uint64_t past = 1;

std::uint64_t messages = 0;

void receive_one_at_a_time(std::uint64_t) {
    abi::IpcOptions options{};
    options.window = {window, 2};
    auto message = ipc_receive({&options});
    while (message && message->words[0] != 1) {
        ++messages;
        message = ipc_reply_receive(message->sender, messages, 0, 0, 0, {&options});
    }
}

abi::IpcOptions sending(std::uint64_t address, std::uint64_t pages, abi::Permissions permissions) {
    abi::IpcOptions options{};
    options.send = {address, pages};
    options.permissions = permissions;
    return options;
}

void bad_targets() {
    check_error(ipc_call(no_such_env, 0, 0, 0, 0, {}), Error::not_found, "call");
    check_error(ipc_send(no_such_env, 0, 0, 0, 0, {}), Error::not_found, "send");
    check_error(ipc_reply_receive(no_such_env, 0, 0, 0, 0, {}), Error::not_found, "reply");
    auto const self = *env_self();
    check_error(ipc_call(self, 0, 0, 0, 0, {}), Error::bad_argument, "a call to oneself");
    check_error(ipc_send(self, 0, 0, 0, 0, {}), Error::bad_argument, "a message to oneself");
    check_error(ipc_reply_receive(self, 0, 0, 0, 0, {}), Error::not_waiting, "a reply to oneself");
    abi::IpcOptions from{};
    from.from = self;
    check_error(ipc_receive({&from}), Error::bad_argument, "from oneself");
    from.from = no_such_env;
    check_error(ipc_receive({&from}), Error::not_found, "from nobody");
    auto dead = *env_create(own_space, {0x400000}, {0x7000}, 0);
    check(env_destroy(dead).has_value(), "one that has ended");
    check_error(ipc_call(dead, 0, 0, 0, 0, {}), Error::ended, "a call to it");
    check_error(ipc_send(dead, 0, 0, 0, 0, {}), Error::ended, "a message to it");
    from.from = dead;
    check_error(ipc_receive({&from}), Error::ended, "from it");
    check(env_destroy(dead).has_value(), "and is reaped");
    check_error(ipc_call(dead, 0, 0, 0, 0, {}), Error::not_found, "then it is not there");
}

void bad_options(abi::EnvId to) {
    auto const refused = [&](abi::IpcOptions const& options, Error expected,
                             std::string_view what) {
        check_error(ipc_call(to, 0, 0, 0, 0, {&options}), expected, what);
        check_error(ipc_send(to, 0, 0, 0, 0, {&options}), expected, what);
    };
    constexpr auto read = abi::permission::read;
    refused(sending(free_area + 1, 1, read), Error::bad_address, "unaligned pages");
    refused(sending(kernel_address, 1, read), Error::bad_address, "the kernel's pages");
    refused(sending(abi::native_user_top, 1, read), Error::bad_address, "pages above the user top");
    refused(sending(free_area + (1u << 20), 1, read), Error::not_mapped, "a page that is nothing");
    refused(sending(free_area, 3, read), Error::bad_range, "more than the window takes");
    refused(sending(free_area, ~std::uint64_t{0}, read), Error::bad_range, "pages without end");
    refused(sending(free_area, 1, abi::permission::write), Error::bad_permission, "an upgrade");
    refused(sending(free_area, 1, abi::permission::execute), Error::bad_permission, "another one");
    refused(sending(free_area, 1, {6}), Error::bad_permission, "writable and executable");
    refused(sending(free_area, 1, {1u << 7}), Error::bad_argument, "unknown permissions");
    abi::IpcOptions flags{};
    flags.flags = 2;
    refused(flags, Error::bad_argument, "unknown flags");
    check_error(ipc_receive({&flags}), Error::bad_argument, "unknown flags");
    for (auto const address : {free_area + (1u << 20), kernel_address, ~std::uint64_t{0}}) {
        auto const* const nowhere = reinterpret_cast<abi::IpcOptions const*>(address);
        check_error(ipc_send(to, 0, 0, 0, 0, {nowhere}), Error::bad_buffer, "options nowhere");
        check_error(ipc_receive({nowhere}), Error::bad_buffer, "options nowhere");
    }
}

void bad_waits() {
    static std::uint32_t word = 5;
    auto const* const unaligned = reinterpret_cast<std::uint32_t const*>(free_area + 2);
    auto const* const kernels = reinterpret_cast<std::uint32_t const*>(kernel_address);
    auto const* const nothing = reinterpret_cast<std::uint32_t const*>(free_area + (1u << 20));
    check_error(word_wait({&word}, 6, 0, 0), Error::changed, "another value");
    check_error(word_wait({&word}, 5, 0, past), Error::timed_out, "a deadline in the past");
    check_error(word_wait({&word}, 5, 2, 0), Error::bad_argument, "an unknown scope");
    check_error(word_wait({unaligned}, 0, 0, 0), Error::bad_address, "unaligned");
    check_error(word_wait({kernels}, 0, 0, 0), Error::bad_buffer, "the kernel's");
    check_error(word_wait({nothing}, 0, 0, 0), Error::bad_buffer, "not mapped");
    check_error(word_wait({nothing}, 0, 1, 0), Error::not_mapped, "not mapped, shared");
    check_error(word_wake({nothing}, 1, 1), Error::not_mapped, "not mapped, shared");
    check_error(word_wake({unaligned}, 1, 0), Error::bad_address, "unaligned");
    check_error(sleep_until(past), Error::timed_out, "a deadline in the past");
    check_error(interrupt_wait(1, past), Error::timed_out, "a deadline in the past");
    abi::IpcOptions soon{};
    soon.deadline = past;
    check_error(ipc_receive({&soon}), Error::timed_out, "nothing there");
}

}  // namespace

int main() {
    check(page_alloc(own_space, {free_area, 3}, abi::permission::read).has_value(),
          "pages that may only be read");
    bad_targets();
    bad_waits();
    auto server = Thread::start(receive_one_at_a_time);
    check(server.has_value(), "a receiver");
    auto const to = server->env();
    check(ipc_call(to, 0, 0, 0, 0, {}).has_value(), "it waits");
    auto const before = used_pages();
    bad_options(to);
    check(used_pages() == before, "nothing was charged");
    check_error(page_protect(own_space, {window, 1}, abi::permission::read), Error::not_mapped,
                "nothing was mapped");
    auto const answer = ipc_call(to, 0, 0, 0, 0, {});
    check(answer && answer->words[0] == 2, "no message came but the good ones");
    auto const nothing = sending(0, 0, abi::permission::none);
    check(ipc_call(to, 0, 0, 0, 0, {&nothing}).has_value(), "a transfer of no pages is none");
    check(ipc_send(to, 1, 0, 0, 0, {}).has_value(), "its end");
    return 0;
}
