#include "servers/linux/process.hpp"

#include "abi/view.hpp"
#include "servers/linux/semaphores.hpp"
#include "servers/linux/signals.hpp"
#include "servers/linux/terminal.hpp"
#include "servers/linux/timers.hpp"
#include "servers/linux/watcher.hpp"
#include "user/linux/layout.hpp"
#include "user/rt/console.hpp"
#include "user/rt/program.hpp"
#include "user/rt/spawn.hpp"

#include <algorithm>

namespace quarry::server {
namespace {

constexpr std::uint64_t channels_base = 0x4000'0000'0000;
constexpr std::uint64_t channel_stride = std::uint64_t{128} << 10;

std::map<std::uint64_t, ClientThread>& threads() {
    static std::map<std::uint64_t, ClientThread> table;
    return table;
}

constinit std::uint64_t next_id = 1;
constinit std::uint64_t next_channel = channels_base;
std::vector<std::uint64_t>& free_channels() {
    static std::vector<std::uint64_t> channels;
    return channels;
}

// Ids go round below what programs take for a pid.
std::uint64_t take_id() {
    constexpr std::uint64_t most = 32768;
    for (;;) {
        auto const id = next_id;
        next_id = next_id == most ? 2 : next_id + 1;
        bool const used =
            all_processes().contains(id) ||
            std::ranges::any_of(threads(), [&](auto const& each) { return each.second.id == id; });
        if (!used) {
            return id;
        }
    }
}

Result<std::uint64_t> make_channel() {
    auto& spare = free_channels();
    auto address = next_channel;
    if (spare.empty()) {
        next_channel += channel_stride;
    } else {
        address = spare.back();
        spare.pop_back();
    }
    auto const done =
        page_alloc(own_space, {address, protocol::channel_pages}, abi::permission::write);
    if (!done) {
        free_channels().push_back(address);
        return done.error();
    }
    return address;
}

void drop_channel(std::uint64_t address) {
    (void)page_unmap(own_space, {address, protocol::channel_pages});
    free_channels().push_back(address);
}

std::uint64_t channel_in(std::uint64_t slot) {
    return libos::threads_base + slot * libos::thread_stride + libos::channel_at;
}

// Whether the environment is one of the space's, by the kernel's own list.
bool belongs(abi::EnvId environment, abi::SpaceId space) {
    auto const slot = environment.value & 0xffff;
    auto const* const views = reinterpret_cast<abi::EnvView const*>(abi::env_views);
    return slot < abi::env_view_slots && views[slot].id == environment.value &&
           views[slot].space == space.value;
}

void destroy_space(abi::SpaceId space) {
    for (auto done = space_destroy_step(space); !done && done.error() == Error::again;) {
        done = space_destroy_step(space);
    }
}

void tell_parent(Process& process) {
    process.has_news = true;
    if (auto* const parent = find_process(process.parent)) {
        auto const news = news_of(process);
        parent->signal({.number = SIGCHLD,
                        .code = news.code,
                        .sender = static_cast<std::uint32_t>(process.id),
                        .user = 0,
                        .value = static_cast<std::uint64_t>(news.status),
                        .thread = 0});
        parent->child_waiters.wake_all();
    }
}

// A child of a process that has ended goes to the nearest ancestor that asked for such, or to the first.
void adopt(Process& orphan, Process const& gone) {
    auto const* heir = find_process(gone.parent);
    while (heir != nullptr && (!heir->adopts_orphans || heir->state == ProcessState::ended)) {
        heir = find_process(heir->parent);
    }
    orphan.parent = heir == nullptr ? 1 : heir->id;
    if (orphan.state == ProcessState::ended) {
        tell_parent(orphan);
    } else if (orphan.parent_death_signal != 0) {
        orphan.signal(orphan.parent_death_signal);
    }
}

}  // namespace

ChildNews news_of(Process const& child) {
    auto const status = child.wait_status;
    if (child.state == ProcessState::stopped) {
        return {CLD_STOPPED, status >> 8};
    }
    if (child.state == ProcessState::running) {
        return {CLD_CONTINUED, SIGCONT};
    }
    auto const signal = status & 0x7f;
    return signal != 0 ? ChildNews{CLD_KILLED, signal} : ChildNews{CLD_EXITED, status >> 8 & 0xff};
}

Process::Process(std::uint64_t number) : id(number) {}
Process::~Process() = default;

std::map<std::uint64_t, Ref<Process>>& all_processes() {
    static std::map<std::uint64_t, Ref<Process>> table;
    return table;
}

Process* find_process(std::uint64_t id) {
    auto const found = all_processes().find(id);
    return found == all_processes().end() ? nullptr : found->second.get();
}

ClientThread* find_thread(std::uint64_t environment) {
    auto const found = threads().find(environment);
    return found == threads().end() ? nullptr : &found->second;
}

void wait_for(Waiters& waiters, ClientThread& thread) { waiters.add(thread.environment); }

void wake_thread(std::uint64_t environment) {
    if (auto const* const thread = find_thread(environment)) {
        auto& changes = thread->head().changes;
        __atomic_fetch_add(&changes, 1, __ATOMIC_RELEASE);
        (void)word_wake({&changes}, ~std::uint64_t{0} >> 1,
                        static_cast<std::uint64_t>(abi::WordScope::shared));
    }
}

Ref<OpenFile> Process::file(std::uint64_t descriptor) const {
    auto const index = static_cast<std::uint32_t>(descriptor);
    return index < descriptors_.size() ? descriptors_[index].file : Ref<OpenFile>{};
}

std::int64_t Process::add(Ref<OpenFile> file, bool close_on_exec, std::uint64_t from) {
    auto index = from;
    while (index < descriptors_.size() && descriptors_[index].file) {
        ++index;
    }
    if (index >= most_descriptors) {
        return -EMFILE;
    }
    if (index >= descriptors_.size()) {
        descriptors_.resize(index + 1);
    }
    descriptors_[index] = {std::move(file), close_on_exec};
    return static_cast<std::int64_t>(index);
}

bool Process::close(std::uint64_t descriptor) {
    auto const index = static_cast<std::uint32_t>(descriptor);
    if (index >= descriptors_.size() || !descriptors_[index].file) {
        return false;
    }
    auto* const node = descriptors_[index].file->node();
    if (node != nullptr) {
        // Whichever descriptor of a file a process closes: all its locks of it go (fcntl(2)).
        node->record_locks.clear({id, true, 0, FileLocks::whole});
    }
    descriptors_[index] = {};
    return true;
}

bool is_running(Node const& program) {
    return std::ranges::any_of(
        all_processes(), [&](auto const& each) { return each.second->program.get() == &program; });
}

bool group_exists(std::uint64_t group, std::uint64_t session) {
    return std::ranges::any_of(all_processes(), [&](auto const& each) {
        return each.second->group == group && each.second->session == session;
    });
}

Result<Ref<Process>> make_process(std::string_view name) {
    auto const space = TRY(
        space_create(0, rt::space_options, {name.data(), std::min<std::size_t>(name.size(), 64)}));
    auto process = make_ref<Process>(take_id());
    process->space = space;
    process->name = std::string{name};
    all_processes()[process->id] = process;
    return process;
}

Result<ClientThread*> add_thread(Process& process, abi::EnvId environment, std::uint64_t slot) {
    if (slot >= libos::max_threads || !belongs(environment, process.space) ||
        threads().contains(environment.value)) {
        return Error::bad_argument;
    }
    bool const taken = std::ranges::any_of(
        process.threads, [&](std::uint64_t other) { return find_thread(other)->slot == slot; });
    if (taken) {
        return Error::bad_argument;
    }
    auto const channel = TRY(make_channel());
    auto const mapped = page_map(own_space, {channel, protocol::channel_pages}, process.space,
                                 {channel_in(slot)}, abi::permission::write);
    if (!mapped) {
        drop_channel(channel);
        return mapped.error();
    }
    (void)env_notify(environment, watcher_environment(), ended_bit);
    auto const id = process.threads.empty() ? process.id : take_id();
    process.threads.push_back(environment.value);
    auto& thread = threads()[environment.value];
    thread.environment = environment.value;
    thread.process = process.id;
    thread.id = id;
    thread.slot = slot;
    thread.channel = channel;
    return &thread;
}

void remove_thread(std::uint64_t environment) {
    auto const found = threads().find(environment);
    if (found == threads().end()) {
        return;
    }
    auto const& thread = found->second;
    if (auto* const process = find_process(thread.process)) {
        std::erase(process->threads, environment);
        pass_on_signals(*process, thread);
        (void)page_unmap(process->space, {channel_in(thread.slot), protocol::channel_pages});
    }
    drop_channel(thread.channel);
    threads().erase(found);
}

void end_process(Process& process, std::int32_t status) {
    if (process.state == ProcessState::ended) {
        return;
    }
    process.state = ProcessState::ended;
    process.wait_status = status;
    process.release_waiters.wake_all();
    if (process.id == 1) {
        bool const by_signal = (status & 0x7f) != 0;
        exit_program(by_signal ? 128 + (status & 0x7f) : status >> 8 & 0xff);
    }
    // Before their channels go: until then they run, on other processors.
    destroy_space(process.space);
    while (!process.threads.empty()) {
        remove_thread(process.threads.back());
    }
    for (std::size_t i = 0; i < process.descriptors().size(); ++i) {
        process.close(i);
    }
    process.descriptors().clear();
    process.handles.clear();
    undo_semaphores(process);
    process.alarm = {};
    process.timers.clear();
    process.directory = {};
    process.program = {};
    auto& terminal = the_terminal();
    if (process.session == process.id && terminal.session == process.session) {
        signal_group(terminal.foreground, SIGHUP);
    }
    std::vector<Ref<Process>> children;
    for (auto const& [id, other] : all_processes()) {
        if (other->parent == process.id) {
            children.push_back(other);
        }
    }
    for (auto const& other : children) {
        if (other->state == ProcessState::unborn) {
            end_unborn(*other);
        } else {
            adopt(*other, process);
        }
    }
    tell_parent(process);
}

void end_unborn(Process& process) {
    destroy_space(process.space);
    reap(process);
}

void reap(Process& process) { all_processes().erase(process.id); }

void stop_process(Process& process, int signal) {
    if (process.state != ProcessState::running) {
        return;
    }
    process.state = ProcessState::stopped;
    process.wait_status = signal << 8 | 0x7f;
    for (auto const environment : process.threads) {
        (void)env_stop(abi::EnvId{environment});
    }
    tell_parent(process);
}

void continue_process(Process& process) {
    if (process.state != ProcessState::stopped) {
        return;
    }
    process.state = ProcessState::running;
    process.wait_status = 0xffff;
    for (auto const environment : process.threads) {
        (void)env_start(abi::EnvId{environment});
    }
    tell_parent(process);
}

void find_dead() {
    std::vector<std::pair<std::uint64_t, std::int32_t>> dead;
    for (auto const& [environment, thread] : threads()) {
        abi::EnvStatus status{};
        auto const known = env_status(abi::EnvId{environment}, {&status});
        if (known && status.state != abi::EnvState::ended) {
            continue;
        }
        bool const fault = known && status.cause == abi::EndCause::fault;
        dead.emplace_back(environment, fault ? SIGSEGV : SIGKILL);
    }
    for (auto const& [environment, status] : dead) {
        if (auto const* const thread = find_thread(environment)) {
            // A thread that ends as it should has said so before: this one broke.
            if (auto* const process = find_process(thread->process)) {
                end_process(*process, status);
            }
        }
    }
}

}  // namespace quarry::server
