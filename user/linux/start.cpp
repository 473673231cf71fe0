#include "user/linux/start.hpp"

#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signal_queue.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/text.hpp"

#include <algorithm>
#include <cstring>
#include <new>

extern "C" {
[[noreturn]] void libos_resume(quarry::libos::Registers* registers);
}

namespace quarry::libos {

void begin_block(std::uint64_t slot) {
    auto& thread = thread_at(slot);
    thread.self = &thread;
    thread.slot = slot;
    thread.alternate_stack.disabled = true;
    thread.call.frame.cs = 0x2b;  // what the kernel forces
    thread.call.frame.ss = 0x23;
}

namespace {

[[noreturn]] void give_up(std::string_view why) {
    say("libos: {}\n", why);
    end_process_now();
}

std::uint64_t count_strings(char const* text, std::uint64_t bytes) {
    return static_cast<std::uint64_t>(std::count(text, text + bytes, '\0'));
}

// The first thread of a process that the server made: its program is named in the channel.
void start_process(Thread& thread) {
    auto const* const at = reinterpret_cast<std::byte const*>(&channel_of(thread));
    protocol::Start start;
    std::memcpy(&start, at + protocol::start_at, sizeof(start));
    process.server = abi::EnvId{start.server};
    process.id = start.process;
    process.options = start.options;
    process.realtime_base = start.realtime_base;
    process.processors = start.processors;
    thread.id = thread.process = start.process;
    thread_table.environments[thread.slot] = thread.environment;
    thread_table.used = 1;
    if ((start.options & protocol::option_trace) != 0) {
        trace_calls();
        auto const upcall = upcall_of(thread.slot);
        (void)env_set_upcall(own_env, {&upcall});
    }
    auto const bytes = start.argument_bytes + start.environment_bytes;
    if (bytes > protocol::channel_data_bytes ||
        !page_alloc(own_space, {staging_base, staging_pages}, abi::permission::write)) {
        give_up("no memory to start with");
    }
    auto* const text = reinterpret_cast<char*>(staging_base);
    std::memcpy(text, data_of(thread), bytes);
    ExecStrings strings{.text = text, .path_bytes = std::strlen(text) + 1};
    strings.argument_bytes = start.argument_bytes - strings.path_bytes;
    strings.arguments = count_strings(text + strings.path_bytes, strings.argument_bytes);
    strings.variable_bytes = start.environment_bytes;
    strings.variables = count_strings(text + start.argument_bytes, strings.variable_bytes);
    auto const done = execute(strings, thread.call);
    if (done < 0) {
        say("libos: cannot run '{}': error {}\n", std::string_view{text}, -done);
        (void)ask(protocol::Operation::exit_group, (done == -ENOENT ? 127u : 126u) << 8);
        end_process_now();
    }
}

// The only thread of a child: everything here is a copy of the parent's.
void start_forked(Thread& thread) {
    new (&memory.lock) Mutex;
    process.id = thread.id;
    process.uses_parents_memory = thread.kind == ThreadKind::vforked;
    process.lent_to = 0;
    auto const used = thread_table.used;
    for (std::uint64_t slot = 0; slot < used; ++slot) {
        thread_table.environments[slot] = 0;
    }
    thread_table.used = thread.slot + 1;
    thread_table.environments[thread.slot] = thread.environment;
    reset_locks();
    forget_signals();
    auto const vectors = area_of(thread.slot) + vectors_at;
    asm volatile("xrstor64 (%0)" : : "r"(vectors), "a"(~0u), "d"(~0u) : "memory");
}

}  // namespace

[[noreturn]] void start(Thread& thread) {
    thread.environment = env_self()->value;
    if (thread.kind == ThreadKind::first) {
        begin_block(thread.slot);
    }
    if (thread.kind == ThreadKind::forked || thread.kind == ThreadKind::vforked) {
        start_forked(thread);  // before the first signal can come
    }
    thread.process = process.id;
    auto const upcall = upcall_of(thread.slot);
    if (!env_set_upcall(own_env, {&upcall})) {
        give_up("no upcalls");
    }
    if (thread.kind == ThreadKind::first) {
        start_process(thread);
    }
    if (thread.set_on_start != 0) {
        auto const id = static_cast<std::uint32_t>(thread.id);
        (void)copy_out(thread.set_on_start, id);
    }
    libos_resume(&thread.call);
}

}  // namespace quarry::libos

extern "C" void libos_started(quarry::libos::Thread* thread) { quarry::libos::start(*thread); }
