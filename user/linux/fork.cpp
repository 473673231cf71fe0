// Copies of the process and its threads: their spaces and environments, filled from here.
#include "user/linux/calls.hpp"
#include "user/linux/futex.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/start.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

extern "C" {
void libos_start();
extern std::byte libos_image_begin[];  // the linker script's: text and constants, then data
extern std::byte libos_data_begin[];
extern std::byte libos_image_end[];
}

namespace quarry::libos {
namespace {

std::uint64_t address_of(std::byte const* at) { return reinterpret_cast<std::uint64_t>(at); }

// A page of this process's as it is now, changed by `change` and given to the child at its place.
template <typename Change>
Result<void> copy_to_child(abi::SpaceId child, std::uint64_t page, Change change) {
    auto const scratch = scratch_page();
    TRY(page_alloc(own_space, {scratch, 1}, abi::permission::write));
    std::memcpy(reinterpret_cast<void*>(scratch), reinterpret_cast<void const*>(page), page_bytes);
    change(reinterpret_cast<std::byte*>(scratch));
    return page_move(own_space, {scratch, 1}, child, {page}, abi::permission::write);
}

Result<void> copy_pages_to_child(abi::SpaceId child, std::uint64_t begin, std::uint64_t end) {
    for (auto page = begin; page < end; page += page_bytes) {
        TRY(copy_to_child(child, page, [](std::byte*) {}));
    }
    return {};
}

// The library OS itself: its text is shared, its data copied now, because the code that would copy it
// later needs it.
Result<void> share_library(abi::SpaceId child) {
    auto const begin = address_of(libos_image_begin);
    auto const data = address_of(libos_data_begin);
    TRY(page_map(own_space, {begin, (data - begin) / page_bytes}, child, {begin},
                 abi::permission::execute));
    TRY(copy_pages_to_child(child, data, address_of(libos_image_end)));
    return copy_pages_to_child(child, mappings_base,
                               mappings_base + memory.mappings.pages() * page_bytes);
}

void save_vectors(Thread& thread) {
    auto const at = area_of(thread.slot) + vectors_at;
    asm volatile("xsave64 (%0)" : : "r"(at), "a"(~0u), "d"(~0u) : "memory");
}

struct ChildThread {
    std::uint64_t id;
    std::uint64_t environment;
    std::uint64_t stack;
    std::uint64_t clear_on_exit;
    std::uint64_t set_on_start;
    bool uses_parents_memory;
};

Result<void> share_thread(abi::SpaceId child, Registers const& registers,
                          ChildThread const& wanted) {
    auto& self = this_thread();
    auto const area = area_of(self.slot);
    TRY(page_alloc(child, {area + upcall_stack_at, upcall_stack_pages}, abi::permission::write));
    TRY(page_alloc(child, {area + call_stack_at, call_stack_pages}, abi::permission::write));
    save_vectors(self);
    TRY(copy_pages_to_child(child, area + vectors_at, area + vectors_at + page_bytes));
    return copy_to_child(child, area + thread_block_at, [&](std::byte* copy) {
        auto& thread = *reinterpret_cast<Thread*>(copy);
        thread.call = registers;
        thread.call.rax = 0;
        if (wanted.stack != 0) {
            thread.call.frame.rsp = wanted.stack;
        }
        thread.id = wanted.id;
        thread.environment = wanted.environment;
        thread.pending = 0;
        thread.attention = 0;
        thread.clear_on_exit = wanted.clear_on_exit;
        thread.set_on_start = wanted.set_on_start;
        thread.robust_list = 0;
        thread.kind = wanted.uses_parents_memory ? ThreadKind::vforked : ThreadKind::forked;
    });
}

abi::Frame frame_of_start(std::uint64_t slot, std::uint64_t thread_pointer) {
    auto const block = area_of(slot) + thread_block_at;
    abi::Frame frame{};
    frame.rip = reinterpret_cast<std::uint64_t>(&libos_start);
    frame.rdi = block;
    frame.rsp = block - 16;
    frame.fs_base = thread_pointer;
    frame.gs_base = block;
    return frame;
}

std::uint64_t own_thread_pointer() {
    std::uint64_t base = 0;
    asm volatile("rdfsbase %0" : "=r"(base));
    return base;
}

std::int64_t commit(std::uint64_t child, protocol::ForkCommit what,
                    protocol::ThreadStart const& thread) {
    std::memcpy(data_of(this_thread()), &thread, sizeof(thread));
    return ask(protocol::Operation::fork_commit, child, static_cast<std::uint64_t>(what));
}

// A started child: its id, or an error, negated.
std::int64_t make_child(Registers const& registers, std::uint64_t child_stack, std::uint64_t flags,
                        std::uint64_t child_tid_address, std::uint64_t thread_pointer) {
    std::lock_guard const guard{memory.lock};
    auto const child = ask(protocol::Operation::fork_begin);
    if (child < 0) {
        return child;
    }
    auto const& results = channel_of(this_thread()).results;
    abi::SpaceId const space{results[0]};
    auto const id = static_cast<std::uint64_t>(child);
    bool const lends = (flags & CLONE_VM) != 0;
    ChildThread const wanted{
        .id = id,
        .environment = results[1],
        .stack = child_stack,
        .clear_on_exit = (flags & CLONE_CHILD_CLEARTID) != 0 ? child_tid_address : 0,
        .set_on_start = (flags & CLONE_CHILD_SETTID) != 0 ? child_tid_address : 0,
        .uses_parents_memory = lends};
    // What others write to cannot be shared until the next write.
    bool const copies = process.uses_parents_memory || process.lent_to != 0;
    auto const fill = [&]() -> Result<void> {
        TRY(lends ? lend_memory(space) : copies ? copy_memory(space) : share_memory(space));
        TRY(share_library(space));
        return share_thread(space, registers, wanted);
    };
    using enum protocol::ForkCommit;
    auto const filled = fill();
    auto const base = (flags & CLONE_SETTLS) != 0 ? thread_pointer : own_thread_pointer();
    auto const slot = this_thread().slot;
    bool const waits = (flags & (CLONE_VM | CLONE_VFORK)) != 0;
    auto const started = commit(id, filled ? (waits ? start_sharing : start) : give_up,
                                {slot, frame_of_start(slot, base)});
    if (!filled || started < 0) {
        return filled ? started : -ENOMEM;
    }
    process.lent_to += lends ? 1 : 0;
    return child;
}

// Until the child uses this memory no more. Signals wait until then.
void wait_for_release(std::uint64_t child, bool was_lent) {
    while (ask_until_done(static_cast<std::uint64_t>(protocol::Operation::vfork_wait), child, 0,
                          0) == restart_after_signal) {
        (void)interrupt_wait(protocol::doorbell, 1);  // or the next wait would end at once
    }
    std::lock_guard const guard{memory.lock};
    process.lent_to -= was_lent ? 1 : 0;
}

}  // namespace

std::int64_t fork_process(Registers const& registers, std::uint64_t child_stack,
                          std::uint64_t flags, std::uint64_t child_tid_address,
                          std::uint64_t parent_tid_address, std::uint64_t thread_pointer) {
    auto const child = make_child(registers, child_stack, flags, child_tid_address, thread_pointer);
    if (child < 0) {
        return child;
    }
    if ((flags & CLONE_PARENT_SETTID) != 0) {
        (void)copy_out(parent_tid_address, static_cast<std::uint32_t>(child));
    }
    if ((flags & CLONE_VFORK) != 0) {
        wait_for_release(static_cast<std::uint64_t>(child), (flags & CLONE_VM) != 0);
    }
    return child;
}

namespace {

constinit Mutex slots_lock;

// Whether the thread that had a slot is off its stack.
bool has_ended(std::uint64_t environment) {
    abi::EnvStatus status{};
    auto const known = env_status(abi::EnvId{environment}, {&status});
    if (known && status.state == abi::EnvState::ended) {
        (void)env_destroy(abi::EnvId{environment});
        return true;
    }
    return !known;
}

// A slot whose area is there already, or a new one's number; none left: max_threads.
std::uint64_t take_slot(bool& has_area) {
    std::lock_guard const guard{slots_lock};
    auto& table = thread_table;
    for (std::uint64_t slot = 0; slot < table.used; ++slot) {
        auto const there = table.environments[slot];
        if ((there & reserved_mark) != 0) {  // another thread is about to use it
            continue;
        }
        if (there == 0) {  // another thread's before a fork: its area is the parent's
            has_area = false;
            table.environments[slot] = reserved_mark;
            return slot;
        }
        bool const is_over = (there & ended_mark) != 0 && has_ended(there & ~ended_mark);
        if (is_over) {
            has_area = true;
            table.environments[slot] = reserved_mark;
            return slot;
        }
    }
    has_area = false;
    if (table.used == max_threads) {
        return max_threads;
    }
    table.environments[table.used] = reserved_mark;
    return table.used++;
}

void give_back(std::uint64_t slot) {
    // An id that no environment has: the next one finds that it has ended.
    thread_table.environments[slot] = ended_mark | 1;
}

Result<abi::EnvId> make_thread(std::uint64_t slot, bool has_area, Registers const& registers,
                               std::uint64_t stack, std::uint64_t thread_pointer) {
    auto& thread = thread_at(slot);
    if (has_area) {
        std::memset(&thread, 0, sizeof(thread));
        begin_block(slot);
    } else {
        TRY(make_area(slot));
    }
    thread.call = registers;
    thread.call.rax = 0;
    thread.call.frame.rsp = stack;
    thread.call.frame.cs = 0x2b;
    thread.call.frame.ss = 0x23;
    thread.blocked = this_thread().blocked;
    thread.name = this_thread().name;
    thread.kind = ThreadKind::created;
    auto const frame = frame_of_start(slot, thread_pointer);
    auto const environment = TRY(env_create(own_space, {frame.rip}, {frame.rsp}, frame.rdi));
    thread.environment = environment.value;
    if (auto const set = env_set_frame(environment, {&frame}); !set) {
        (void)env_destroy(environment);
        (void)env_destroy(environment);
        return set.error();
    }
    return environment;
}

}  // namespace

std::int64_t start_thread(Registers const& registers, std::uint64_t stack,
                          std::uint64_t thread_pointer, std::uint64_t clear_on_exit,
                          std::uint64_t child_tid_address, std::uint64_t parent_tid_address) {
    bool has_area = false;
    auto const slot = take_slot(has_area);
    if (slot == max_threads) {
        return -EAGAIN;
    }
    auto const environment = make_thread(slot, has_area, registers, stack, thread_pointer);
    if (!environment) {
        give_back(slot);
        return -EAGAIN;
    }
    auto& thread = thread_at(slot);
    auto const id = ask(protocol::Operation::thread_new, environment->value, slot);
    if (id < 0) {
        (void)env_destroy(*environment);
        (void)env_destroy(*environment);
        give_back(slot);
        return id;
    }
    thread.id = static_cast<std::uint64_t>(id);
    thread.clear_on_exit = clear_on_exit;
    thread.set_on_start = child_tid_address;
    auto const short_id = static_cast<std::uint32_t>(id);
    if (parent_tid_address != 0) {
        (void)copy_out(parent_tid_address, short_id);
    }
    __atomic_store_n(&thread_table.environments[slot], environment->value, __ATOMIC_RELEASE);
    (void)env_start(*environment);
    return id;
}

void end_thread(int status) {
    auto& thread = this_thread();
    release_thread_words();
    shut_out_interrupts();  // which would look into the channel
    // The last one: the process ends with it. Otherwise the channel goes with the answer.
    auto const operation = static_cast<std::uint64_t>(protocol::Operation::thread_exit);
    (void)ipc_call(process.server, operation, static_cast<std::uint64_t>(status & 0xff) << 8, 0, 0,
                   {nullptr});
    __atomic_store_n(&thread_table.environments[thread.slot], thread.environment | ended_mark,
                     __ATOMIC_RELEASE);
    end_process_now();
}

void reset_locks() { new (&slots_lock) Mutex; }

void end_other_threads() {
    for (std::uint64_t slot = 0; slot < thread_table.used; ++slot) {
        auto const there = thread_table.environments[slot];
        if (slot == this_thread().slot || there == 0) {
            continue;
        }
        if ((there & reserved_mark) !=
            0) {  // whoever was making it ends here, and its area is made anew
            thread_table.environments[slot] = 0;
            continue;
        }
        auto const environment = abi::EnvId{there & ~ended_mark};
        (void)env_destroy(environment);
        (void)env_destroy(environment);
        thread_table.environments[slot] = ended_mark | 1;
    }
}

}  // namespace quarry::libos
