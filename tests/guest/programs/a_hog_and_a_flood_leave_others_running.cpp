// One program maps pages until its account ends, one sends messages without end: a third one is served
// and works meanwhile, and everything comes back.
#include "tests/guest/check.hpp"
#include "user/rt/spawn.hpp"
#include "user/rt/thread.hpp"

#include <string>
#include <string_view>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::string_view own_name = "a_hog_and_a_flood_leave_others_running";

[[noreturn]] void map_for_ever() {
    for (std::uint64_t at = free_area;; at += 64 * abi::page_bytes) {
        if (!page_alloc(own_space, {at, 64}, abi::permission::write)) {
            (void)yield();
        }
    }
}

[[noreturn]] void send_for_ever(abi::EnvId to) {
    for (;;) {
        abi::IpcOptions soon{};
        soon.deadline = *clock_nanoseconds() + 10'000;
        (void)ipc_send(to, 1, 0, 0, 0, {&soon});
    }
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t value = 0;
    for (char const c : text) {
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

// A server that a good client and the flood both use.
void serve(std::uint64_t) {
    auto message = ipc_receive({});
    while (message) {
        message = message->words[0] == 7 ? ipc_reply_receive(message->sender, 8, 0, 0, 0, {})
                                         : ipc_receive({});
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::string_view(arguments[1]) == "hog") {
        map_for_ever();
    }
    if (count > 2 && std::string_view(arguments[1]) == "flood") {
        send_for_ever({number_in(arguments[2])});
    }
    auto server = Thread::start(serve);
    check(server.has_value(), "a server");
    auto const flood_arguments = "flood " + std::to_string(server->env().value);
    constexpr std::uint64_t account_pages = 1000;
    auto hog = spawn(own_name, "hog", account_pages);
    auto flood = spawn(own_name, flood_arguments, account_pages);
    auto second = spawn(own_name, flood_arguments, account_pages);
    check(hog && flood && second, "three bad programs");
    for (std::uint64_t i = 0; i < 100; ++i) {
        auto const answer = ipc_call(server->env(), 7, 0, 0, 0, {});
        check(answer && answer->words[0] == 8, "a good client is served");
        check(page_alloc(own_space, {free_area, 100}, abi::permission::write).has_value() &&
                  page_unmap(own_space, {free_area, 100}).has_value(),
              "and has its pages");
    }
    abi::AccountStatus account{};
    while (account.used_pages < account_pages - 64) {
        check(account_status(hog->space(), {&account}).has_value(), "the hog's account");
        (void)yield();
    }
    check(account.used_pages <= account_pages, "the hog has no more than its account");
    flood->destroy();
    second->destroy();
    hog->destroy();
    server->cancel();
    return 0;
}
