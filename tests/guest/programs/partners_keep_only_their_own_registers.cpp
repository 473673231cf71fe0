// A message goes straight from its sender to a partner that waits, in the same space or another, and so
// does a directed yield: each finds its own stack and segment bases when it goes on, and in the other
// registers the message or zero.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"
#include "user/rt/thread.hpp"

#include <algorithm>
#include <array>
#include <span>

// std::uint64_t quarry_test_call(number, words, left, secret): with the secret in every register that means nothing
// to the call; `left`: RBX, R12 to R15, R9 and RBP afterwards. Everything else is on the stack, so a
// stack pointer that is not the caller's own does not come back.
asm(R"(
quarry_test_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdx
    push %rsi
    mov %rdi, %rax
    mov %rsi, %rbx
    mov 0(%rbx), %rdi
    mov 8(%rbx), %rsi
    mov 16(%rbx), %rdx
    mov 24(%rbx), %r10
    mov 32(%rbx), %r8
    xor %r9d, %r9d
    mov %rcx, %rbx
    mov %rbx, %r12
    mov %rbx, %r13
    mov %rbx, %r14
    mov %rbx, %r15
    mov %rcx, %rbp
    syscall
    mov 8(%rsp), %r11
    mov %rbx, 0(%r11)
    mov %r12, 8(%r11)
    mov %r13, 16(%r11)
    mov %r14, 24(%r11)
    mov %r15, 32(%r11)
    mov %r9, 40(%r11)
    mov %rbp, 48(%r11)
    mov (%rsp), %r11
    mov %rdi, 0(%r11)
    mov %rsi, 8(%r11)
    mov %rdx, 16(%r11)
    mov %r10, 24(%r11)
    mov %r8, 32(%r11)
    pop %rsi
    pop %rdx
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");
extern "C" std::uint64_t quarry_test_call(std::uint64_t number, std::uint64_t* words,
                                          std::uint64_t* left, std::uint64_t secret);

namespace {
using namespace quarry;
using namespace quarry::test;

std::uint64_t fs_base() {
    std::uint64_t base = 0;
    asm volatile("rdfsbase %0" : "=r"(base));
    return base;
}
std::uint64_t gs_base() {
    std::uint64_t base = 0;
    asm volatile("rdgsbase %0" : "=r"(base));
    return base;
}
void set_gs_base(std::uint64_t base) { asm volatile("wrgsbase %0" : : "r"(base)); }

constexpr std::uint64_t servers_gs = 0x5e'0000;
constexpr std::uint64_t clients_gs = 0xc1'0000;
constexpr std::uint64_t servers_secret = 0x5e5ec2;
constexpr std::uint64_t clients_secret = 0xc15ec2;
constexpr std::uint64_t rounds = 50;

// A call that switches with one's own secret, and whether it comes back with nothing but that.
std::uint64_t switching_call(std::uint64_t number, std::array<std::uint64_t, 5>& words,
                             std::uint64_t secret, bool& is_clean) {
    std::array<std::uint64_t, 7> left{};
    auto const result = quarry_test_call(number, words.data(), left.data(), secret);
    is_clean = left[6] == secret;
    for (std::size_t i = 0; i < 6; ++i) {
        is_clean = is_clean && left[i] == 0;
    }
    return result;
}

// The vector register of one who has any (the compiler uses none here: tests/guest/CMakeLists.txt).
std::uint64_t vector_register(bool has_vectors) {
    std::uint64_t value = 0;
    if (has_vectors) {
        asm volatile("movq %%xmm7, %0" : "=r"(value));
    }
    return value;
}
void set_vector_register(bool has_vectors, std::uint64_t value) {
    if (has_vectors) {
        asm volatile("movq %0, %%xmm7" : : "r"(value));
    }
}

// Answers each call with its number and whether everything was right.
void serve(std::uint64_t has_vectors) {
    set_gs_base(servers_gs);
    auto const own_fs = fs_base();
    auto const first = ipc_receive({nullptr});
    check(first.has_value(), "a first call");
    set_vector_register(has_vectors != 0, servers_secret);
    auto const own_vector = vector_register(has_vectors != 0);
    std::array words{first->sender.value, first->words[0], std::uint64_t{1}, first->words[2],
                     first->words[3]};
    for (std::uint64_t i = 0; i < rounds; ++i) {
        bool is_clean = false;
        auto const result =
            switching_call(abi::IpcReplyReceive::number, words, servers_secret, is_clean);
        bool const right = result == 0 && is_clean && fs_base() == own_fs &&
                           gs_base() == servers_gs && words[1] == i + 1 && words[4] == i + 4 &&
                           vector_register(has_vectors != 0) == own_vector;
        words[2] = right ? 1 : 0;
    }
}

void ask(abi::EnvId server, bool has_vectors) {
    set_gs_base(clients_gs);
    auto const own_fs = fs_base();
    for (std::uint64_t i = 0; i < rounds; ++i) {
        std::array words{server.value, i, i + 1, i + 2, i + 3};
        set_vector_register(has_vectors, clients_secret + i);
        auto const own_vector = vector_register(has_vectors);
        bool is_clean = false;
        auto const result = switching_call(abi::IpcCall::number, words, clients_secret, is_clean);
        check(result == 0 && words[0] == server.value && words[1] == i, "an answer to each call");
        check(is_clean, "no register keeps what was the server's");
        check(words[2] == 1, "the server found its own registers");
        check(fs_base() == own_fs && gs_base() == clients_gs, "the client's segment bases");
        check(vector_register(has_vectors) == own_vector, "the client's vector registers");
    }
}

// Yields to the other one; how many times it found another's registers, bases or memory.
constinit std::uint64_t whose_memory = 0;
std::uint64_t yield_to_and_fro(abi::EnvId other, std::uint64_t secret, std::uint64_t times,
                               bool has_vectors) {
    whose_memory = secret;
    auto const own_fs = fs_base();
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < times; ++i) {
        std::array words{other.value, secret, secret, secret, secret};
        std::array<std::uint64_t, 7> left{};
        set_gs_base(secret + i);
        set_vector_register(has_vectors, secret + i);
        auto const result =
            quarry_test_call(abi::YieldTo::number, words.data(), left.data(), secret);
        bool right = result == 0 && left[6] == secret && fs_base() == own_fs &&
                     gs_base() == secret + i && whose_memory == secret &&
                     vector_register(has_vectors) == (has_vectors ? secret + i : 0);
        // The general way may bring back what was there at an earlier call.
        auto const is_own = [&](std::uint64_t word) {
            return word == secret || (word != clients_secret && word != servers_secret);
        };
        right = right && std::ranges::all_of(words, is_own) && std::ranges::all_of(left, is_own);
        wrong += right ? 0 : 1;
    }
    return wrong;
}

// Yields to who calls it, until it is called again; then calls another one, if there is one.
[[noreturn]] void yield_back(abi::EnvId third, bool has_vectors) {
    auto const first = ipc_receive({nullptr});
    check(first.has_value(), "told whom to yield to");
    for (;;) {
        auto const wrong = yield_to_and_fro(first->sender, servers_secret, 10, has_vectors);
        check(wrong == 0, "the partner found its own registers");
        if (third.value != 0) {
            check(ipc_call(third, first->sender.value, 0, 0, 0, {nullptr}).has_value(), "a call");
        }
    }
}
// Yields to whom the message names, then answers.
void come_between(std::uint64_t) {
    auto message = ipc_receive({nullptr});
    while (message) {
        (void)yield_to(abi::EnvId{message->words[0]});
        message = ipc_reply_receive(message->sender, 0, 0, 0, 0, {nullptr});
    }
    fail("a message");
}

// With a third one that the partner calls, if there is one: it runs while the first one has yielded.
void yield_with(abi::EnvId third, bool has_vectors) {
    auto partner = fork();
    check(partner.has_value(), "a partner");
    if (!*partner) {
        yield_back(third, has_vectors);
    }
    check(ipc_send((*partner)->env(), 0, 0, 0, 0, {nullptr}).has_value(), "begin");
    check(yield_to_and_fro((*partner)->env(), clients_secret, 200, has_vectors) == 0,
          "the one that began found its own registers");
    (*partner)->destroy();
}
void yield_with_all(bool has_vectors) {
    yield_with({}, has_vectors);
    auto child = fork();
    check(child.has_value(), "a child");
    if (!*child) {
        come_between(0);
    }
    yield_with((*child)->env(), has_vectors);
    (*child)->destroy();
    auto thread = Thread::start(come_between, 0);
    check(thread.has_value(), "a thread");
    yield_with(thread->env(), has_vectors);
    thread->cancel();
}

// With a partner in the same space and one in another.
void ask_both(bool has_vectors) {
    auto server = Thread::start(serve, has_vectors ? 1 : 0);
    check(server.has_value(), "a thread");
    ask(server->env(), has_vectors);
    server->cancel();
    auto child = fork();
    check(child.has_value(), "a child");
    if (!*child) {
        serve(has_vectors ? 1 : 0);
        exit_program(0);
    }
    ask((*child)->env(), has_vectors);
    (*child)->destroy();
}
}  // namespace

int main() {
    for (bool const has_vectors : {false, true}) {  // from the first use on they have them
        ask_both(has_vectors);
        yield_with_all(has_vectors);
    }
    return 0;
}
