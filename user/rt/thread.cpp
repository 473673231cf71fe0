#include "user/rt/thread.hpp"

#include "user/rt/fault.hpp"
#include "user/rt/malloc.hpp"
#include "user/rt/program.hpp"
#include "user/rt/thread_local.hpp"

#include <atomic>

namespace quarry {
namespace {

constexpr std::size_t thread_stack_pages = 32;
constexpr std::uint64_t page = abi::page_bytes;

// Where a thread begins; above its stack.
struct ThreadStart {
    Thread::Function function;
    std::uint64_t argument;
};

[[noreturn]] void begin(ThreadStart* start) {
    start->function(start->argument);
    destroy_thread_locals();
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
        auto const done = page_alloc(own_space, {region + page, thread_stack_pages},
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
    (void)page_unmap(own_space, {region + page, thread_stack_pages});
}

}  // namespace

Result<Thread> Thread::start(Function function, std::uint64_t argument) {
    auto const area_bytes = thread_area_bytes();
    if (area_bytes > thread_stack_pages * page / 2) {
        return Error::bad_argument;  // more thread_local objects than there is room for
    }
    program_heap.share();
    auto const lock = page_alloc(own_space, {copy_lock_page, 1},
                                 {abi::permission::write, abi::page_option::if_absent});
    if (!lock && lock.error() != Error::already_mapped) {
        return lock.error();
    }
    auto const region = TRY(allocate_stack());
    auto const top = region + (1 + thread_stack_pages) * page;
    auto const area = (top - area_bytes) & ~std::uint64_t{63};
    auto* const start = reinterpret_cast<ThreadStart*>(area - 64);
    *start = {function, argument};
    abi::Frame frame{};
    frame.rip = reinterpret_cast<std::uint64_t>(&begin);
    frame.rdi = reinterpret_cast<std::uint64_t>(start);
    frame.rsp = frame.rdi - 8;  // as after a call: AMD64 ABI, section 3.2.2
    frame.fs_base = make_thread_area({reinterpret_cast<std::byte*>(area), area_bytes});
    auto const env = env_create(own_space, {frame.rip}, {frame.rsp}, frame.rdi);
    if (!env) {
        free_stack(region);
        return env.error();
    }
    Thread thread{*env, region};  // ends what there is of it if anything below fails
    auto const upcalls = upcall_stack_of(*env);
    TRY(page_alloc(own_space, upcalls, abi::permission::write));
    TRY(prepare_upcalls_of(*env,
                           {reinterpret_cast<std::byte*>(upcalls.address), upcalls.pages * page}));
    TRY(env_set_frame(*env, {&frame}));
    thread.started_ = true;
    TRY(env_start(*env));
    return thread;
}

abi::EnvStatus Thread::join() {
    abi::EnvStatus status{};
    if (env_ == abi::EnvId{}) {
        return status;
    }
    if (!started_) {
        (void)env_destroy(env_);  // ends it; the next one reaps
    }
    auto ended = env_wait(env_, 0);
    while (!ended && ended.error() == Error::interrupted) {
        // Bits that nobody takes end every wait at once: whoever is joined goes first.
        (void)yield();
        ended = env_wait(env_, 0);
    }
    (void)env_status(env_, {&status});
    (void)env_destroy(env_);
    (void)page_unmap(own_space, upcall_stack_of(env_));
    free_stack(stack_);
    env_ = {};
    return status;
}

abi::EnvStatus Thread::cancel() {
    abi::EnvStatus status{};
    if (env_ != abi::EnvId{} && env_status(env_, {&status}) &&
        status.state != abi::EnvState::ended) {
        (void)env_destroy(env_);
    }
    return join();
}

}  // namespace quarry
