// Messages go straight from one environment to another; each finds its own vector registers when it
// goes on, whether the partner uses such registers or not.
#include "tests/guest/check.hpp"
#include "user/rt/thread.hpp"

namespace {
using namespace quarry;
using namespace quarry::test;

void set_register(std::uint64_t value) { asm volatile("movq %0, %%xmm7" : : "r"(value) : "xmm7"); }
std::uint64_t get_register() {
    std::uint64_t value = 0;
    asm volatile("movq %%xmm7, %0" : "=r"(value));
    return value;
}

constexpr std::uint64_t servers_own = 0x5e'0000;
constexpr std::uint64_t clients_own = 0xc1'0000;
constexpr std::uint64_t rounds = 200;

// Answers with what its register holds; the first time before it has any vector state.
void serve(std::uint64_t uses_vectors) {
    auto message = ipc_receive({nullptr});
    for (std::uint64_t i = 0; message && i < rounds; ++i) {
        std::uint64_t found = 0;
        if (uses_vectors != 0) {
            found = i == 0 ? servers_own : get_register();
            set_register(servers_own + i);
        }
        message = ipc_reply_receive(message->sender, found, 0, 0, 0, {nullptr});
    }
}

void ask(bool server_uses_vectors) {
    auto server = Thread::start(serve, server_uses_vectors ? 1 : 0);
    check(server.has_value(), "a thread");
    for (std::uint64_t i = 0; i < rounds; ++i) {
        set_register(clients_own + i);
        auto const answer = ipc_call(server->env(), i, 0, 0, 0, {nullptr});
        auto const mine = get_register();
        check(answer.has_value() && mine == clients_own + i, "the client's own register");
        auto const expected = i == 0 ? servers_own : servers_own + i - 1;
        check(!server_uses_vectors || answer->words[0] == expected, "the server's own register");
    }
    server->cancel();
}
}  // namespace

int main() {
    ask(true);
    ask(false);
    return 0;
}
