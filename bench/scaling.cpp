// What independent work costs when so many processors do it at once: `bench_scaling N` starts N workers,
// each a program of its own, and has them begin together. Instructions of all processors between the
// markers, divided by the units of work, are what tools/bench.py --scaling prints.
#include "bench/marker.hpp"
#include "user/rt/console.hpp"
#include "user/rt/fault.hpp"
#include "user/rt/program.hpp"
#include "user/rt/spawn.hpp"
#include "user/rt/thread.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
void quarry_light_upcall_entry();
extern void (*quarry_light_handler)(quarry::abi::UpcallFrame*);
}

namespace {

using namespace quarry;
using namespace quarry::bench;

constexpr std::uint64_t area = 0x2000'0000'0000;
constexpr std::uint64_t units = 2000;
constexpr std::size_t phases = 3;

void require(bool holds) {
    if (!holds) {
        fail("the benchmark's own calls failed");
    }
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t value = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

void page_calls() {
    for (std::uint64_t i = 0; i < units; ++i) {
        require(
            page_alloc(own_space, {area + abi::page_bytes, 1}, abi::permission::write).has_value());
        require(page_unmap(own_space, {area + abi::page_bytes, 1}).has_value());
    }
}

void give_page(abi::UpcallFrame* frame) {
    (void)page_alloc(own_space, {frame->address & ~std::uint64_t{4095}, 1}, abi::permission::write);
}

void faults() {
    for (std::uint64_t i = 0; i < units; ++i) {
        auto const at = area + (1 + i % 256) * abi::page_bytes;
        *reinterpret_cast<std::uint64_t volatile*>(at) = i;
        if (i % 256 == 255) {
            require(page_unmap(own_space, {area + abi::page_bytes, 256}).has_value());
        }
    }
}

void pairs(abi::EnvId partner) {
    for (std::uint64_t i = 0; i < units; ++i) {
        require(ipc_call(partner, 1, 2, 3, 4, {}).has_value());
    }
}

void answer(std::uint64_t) {
    auto message = ipc_receive({});
    while (message) {
        message = ipc_reply_receive(message->sender, 1, 2, 3, 4, {});
    }
}

[[noreturn]] void work(abi::EnvId parent) {
    require(
        page_alloc(own_space, {area, 1}, abi::permission::write).has_value());  // keeps the table
    static constexpr std::uint64_t stack = area + (1u << 30);
    require(page_alloc(own_space, {stack, 2}, abi::permission::write).has_value());
    abi::Upcall const upcall{reinterpret_cast<std::uint64_t>(&quarry_light_upcall_entry), stack,
                             8192, 0};
    require(env_set_upcall(own_env, {&upcall}).has_value());
    quarry_light_handler = give_page;
    auto const partner = Thread::start(answer);
    require(partner.has_value());
    pairs(partner->env());  // warm, and both on one processor from here on
    page_calls();
    for (std::size_t phase = 0; phase < phases; ++phase) {
        require(ipc_call(parent, phase, 0, 0, 0, {}).has_value());  // ready; the answer is: begin
        phase == 0 ? page_calls() : phase == 1 ? faults() : pairs(partner->env());
    }
    (void)ipc_call(parent, phases, 0, 0, 0, {});
    exit_program(0);
}

// Waits until all workers say that they are ready for this phase; some may have said so already.
std::vector<abi::EnvId> gather(std::size_t count, std::uint64_t phase,
                               std::vector<abi::EnvId> ready = {}) {
    while (ready.size() < count) {
        auto const message = ipc_receive({});
        require(message && message->words[0] == phase);
        ready.push_back(message->sender);
    }
    return ready;
}

// Lets them begin; returns those that have come to the end of the phase meanwhile.
std::vector<abi::EnvId> release(std::vector<abi::EnvId> const& workers) {
    std::vector<abi::EnvId> early;
    abi::IpcOptions now{};
    now.deadline = 1;
    for (auto const worker : workers) {
        if (auto const message = ipc_reply_receive(worker, 0, 0, 0, 0, {&now})) {
            early.push_back(message->sender);
        }
    }
    return early;
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 2 && std::string_view(arguments[1]) == "worker") {
        work({number_in(arguments[2])});
    }
    auto const workers = count > 1 ? number_in(arguments[1]) : 1;
    std::vector<Child> children;
    for (std::uint64_t i = 0; i < workers; ++i) {
        auto child = spawn("bench_scaling", "worker " + std::to_string(env_self()->value), 1000);
        require(child.has_value());
        children.push_back(std::move(*child));
    }
    auto ready = gather(workers, 0);
    marker<20, false>();
    ready = gather(workers, 1, release(ready));
    marker<20, true>();
    marker<21, false>();
    ready = gather(workers, 2, release(ready));
    marker<21, true>();
    marker<22, false>();
    ready = gather(workers, phases, release(ready));
    marker<22, true>();
    return 0;
}
