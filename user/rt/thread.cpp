#include "user/rt/thread.hpp"

#include "user/rt/program.hpp"

#include <atomic>

namespace quarry {
namespace {

constexpr std::size_t thread_stack_pages = 32;

// At the top of a thread's stack; FS points to it.
struct ThreadStart {
    ThreadStart* self;
    Thread::Function function;
    std::uint64_t argument;
};

[[noreturn]] void begin(ThreadStart* start) {
    start->function(start->argument);
    exit_program(0);
}

// A region of the area for stacks that no thread of this program uses; page_alloc with if_absent
// decides between two that want the same.
Result<std::uint64_t> allocate_stack() {
    static constinit std::atomic<std::uint64_t> next = 0;
    constexpr std::uint64_t regions = 1u << 16;
    for (std::uint64_t tries = 0; tries < regions; ++tries) {
        auto const region =
            abi::thread_stacks_base + next.fetch_add(1) % regions * abi::thread_stack_stride;
        auto const done = page_alloc(own_space, {region + abi::page_bytes, thread_stack_pages},
                                     {abi::permission::write, abi::page_option::if_absent});
        if (done) {
            return region;
        }
        if (done.error() != Error::already_mapped) {
            return done.error();
        }
    }
    return Error::out_of_slots;
}

void free_stack(std::uint64_t region) {
    (void)page_unmap(own_space, {region + abi::page_bytes, thread_stack_pages});
}

}  // namespace

Result<Thread> Thread::start(Function function, std::uint64_t argument) {
    auto const region = TRY(allocate_stack());
    auto const top = region + (1 + thread_stack_pages) * abi::page_bytes;
    auto* const start = reinterpret_cast<ThreadStart*>(top - 64);
    *start = {start, function, argument};
    auto const address = reinterpret_cast<std::uint64_t>(start);
    auto const env =
        env_create(own_space, {reinterpret_cast<std::uint64_t>(&begin)}, {address - 8}, address);
    if (!env) {
        free_stack(region);
        return env.error();
    }
    abi::Frame frame{};
    frame.rip = reinterpret_cast<std::uint64_t>(&begin);
    frame.rsp = address - 8;  // as after a call: AMD64 ABI, section 3.2.2
    frame.rdi = address;
    frame.fs_base = address;
    TRY(env_set_frame(*env, {&frame}));
    Thread thread{*env, region};
    TRY(env_start(*env));
    return thread;
}

abi::EnvStatus Thread::join() {
    abi::EnvStatus status{};
    if (env_ == abi::EnvId{}) {
        return status;
    }
    while (!env_wait(env_, 0)) {
    }
    (void)env_status(env_, {&status});
    (void)env_destroy(env_);
    free_stack(stack_);
    env_ = {};
    return status;
}

abi::EnvStatus Thread::cancel() {
    if (env_ != abi::EnvId{}) {
        abi::EnvStatus status{};
        if (env_status(env_, {&status}) && status.state != abi::EnvState::ended) {
            (void)env_destroy(env_);
        }
    }
    return join();
}

}  // namespace quarry
