// What the kernel's mechanisms cost: the table that tools/bench.py --kernel prints. The partner of
// the messages is this program again, in a space of its own (`bench_kernel partner`).
#include "bench/marker.hpp"
#include "user/rt/console.hpp"
#include "user/rt/fault.hpp"
#include "user/rt/fork.hpp"
#include "user/rt/program.hpp"
#include "user/rt/spawn.hpp"

#include <string_view>

extern "C" {
void quarry_bench_entry();  // resumes at once
void quarry_light_upcall_entry();
extern void (*quarry_light_handler)(quarry::abi::UpcallFrame*);
}
asm(R"(
.text
.global quarry_bench_entry
quarry_bench_entry:
    addq $2, 24(%rsp)       // past the two-byte instruction
    add $24, %rsp
    iretq
)");

namespace {

using namespace quarry;
using namespace quarry::bench;

constexpr std::uint64_t area = 0x2000'0000'0000;
constexpr std::uint64_t other_area = 0x2100'0000'0000;
constexpr std::size_t batch = 256;

[[noreturn]] void give_up(Error error) {
    print("bench: {}\n", error);
    exit_program(1);
}

template <typename T>
T expect(Result<T> result) {
    if (!result) {
        give_up(result.error());
    }
    if constexpr (!std::same_as<T, void>) {
        return std::move(*result);
    }
}

constexpr abi::PageRange upcall_stack{area + (1u << 30), 2};

void set_upcall(void (*entry)()) {
    (void)page_alloc(own_space, upcall_stack, abi::permission::write);
    abi::Upcall const upcall{reinterpret_cast<std::uint64_t>(entry), upcall_stack.address,
                             upcall_stack.pages * abi::page_bytes, 0};
    expect(env_set_upcall(own_env, {&upcall}));
}

void skip(abi::UpcallFrame* frame) { frame->rip += 2; }
void give_page(abi::UpcallFrame* frame) {
    (void)page_alloc(own_space, {frame->address, 1}, abi::permission::write);
}

void traps() {
    set_upcall(quarry_bench_entry);
    measure<7>([] { asm volatile("ud2" : : : "memory"); });
    set_upcall(quarry_light_upcall_entry);
    quarry_light_handler = skip;
    measure<8>([] { asm volatile("ud2" : : : "memory"); });
    quarry_light_handler = give_page;
    static std::uint64_t at = area;
    expect(page_alloc(own_space, {at, 1}, abi::permission::write));
    measure<9>([] {
        at += abi::page_bytes;
        *reinterpret_cast<std::uint64_t volatile*>(at) = 1;
    });
    expect(page_unmap(own_space, {area, 200}));
}

void pages() {
    expect(page_alloc(own_space, {area, batch + 1}, abi::permission::write));
    expect(
        page_alloc(own_space, {other_area + batch * abi::page_bytes, 1}, abi::permission::write));
    for (int round = 0; round < 100; ++round) {
        marker<10, false>();
        expect(page_map(own_space, {area, 1}, own_space, {other_area}, abi::permission::write));
        marker<10, true>();
        expect(page_unmap(own_space, {other_area, 1}));
    }
    measure<11>([] {
        expect(
            page_protect(own_space, {area, 1}, abi::permission::read | abi::permission::may_write));
        expect(page_protect(own_space, {area, 1}, abi::permission::write));
    });
    for (int round = 0; round < 100; ++round) {
        marker<12, false>();
        expect(page_map(own_space, {area, batch}, own_space, {other_area}, abi::permission::write));
        marker<12, true>();
        marker<13, false>();
        expect(page_unmap(own_space, {other_area, batch}));
        marker<13, true>();
    }
    for (int round = 0; round < 100; ++round) {
        marker<14, false>();
        expect(
            page_move(own_space, {area, batch}, own_space, {other_area}, abi::permission::write));
        marker<14, true>();
        expect(
            page_move(own_space, {other_area, batch}, own_space, {area}, abi::permission::write));
    }
    expect(page_unmap(own_space, {area, batch + 1}));
    expect(page_unmap(own_space, {other_area + batch * abi::page_bytes, 1}));
}

enum class Task : std::uint64_t { answer, answer_with_vectors, yield };

// Does for ever what the first message says.
[[noreturn]] void be_partner() {
    auto const first = expect(ipc_receive({}));
    auto partner = first.sender;
    if (Task{first.words[0]} == Task::yield) {
        for (;;) {
            (void)yield_to(partner);
        }
    }
    if (Task{first.words[0]} == Task::answer_with_vectors) {
        asm volatile("pxor %%xmm0, %%xmm0" : : : "xmm0");
    }
    for (;;) {
        auto const message = ipc_reply_receive(partner, 1, 2, 3, 4, {});
        if (!message) {
            give_up(message.error());
        }
        partner = message->sender;
    }
}

// A partner that has begun its task.
Child make_partner(Task task, abi::EnvId& partner) {
    auto child = expect(spawn("bench_kernel", "partner"));
    partner = child.env();
    auto const word = static_cast<std::uint64_t>(task);
    if (task == Task::yield) {
        (void)ipc_send(partner, word, 0, 0, 0, {});
        (void)yield_to(partner);
    } else {
        (void)ipc_call(partner, word, 0, 0, 0, {});
    }
    return child;
}

void messages() {
    static abi::EnvId partner;
    auto answerer = make_partner(Task::answer, partner);
    measure<15>([] { (void)ipc_call(partner, 5, 6, 7, 8, {}); });
    answerer.destroy();

    auto yielder = make_partner(Task::yield, partner);
    measure<17>([] { (void)yield_to(partner); });
    yielder.destroy();

    asm volatile("pxor %%xmm0, %%xmm0" : : : "xmm0");
    auto const other = make_partner(Task::answer_with_vectors, partner);
    measure<16>([] { (void)ipc_call(partner, 5, 6, 7, 8, {}); });
}

// Of a small program: nothing is left of the other parts.
void forks() {
    expect(page_unmap(own_space, upcall_stack));
    measure<18>([] {
        auto child = expect(fork());
        if (!child) {
            exit_program(0);
        }
        (void)child->wait();
        child->destroy();
    });
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::string_view(arguments[1]) == "partner") {
        be_partner();
    }
    marker<0, false>();  // the first one met: boot ends here
    marker<0, true>();
    measure<1>([] { (void)env_self(); });
    traps();
    pages();
    messages();
    forks();  // last: the other parts have upcalls of their own
    return 0;
}
