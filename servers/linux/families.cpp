// Requests about processes: birth, death, waiting, groups and signals.
#include "servers/linux/files.hpp"
#include "servers/linux/missing_calls.hpp"
#include "servers/linux/request.hpp"
#include "servers/linux/reserve.hpp"
#include "servers/linux/terminal.hpp"
#include "servers/linux/timers.hpp"
#include "user/linux/layout.hpp"

namespace quarry::server {
namespace {

using protocol::Operation;

constexpr std::uint64_t library_pages = (abi::user_end - abi::library_base) / abi::page_bytes;

// The child's space and environment; the caller fills them through windows.
std::int64_t begin_fork(Request& request) {
    auto& parent = request.process;
    constexpr std::size_t most_processes = 1000;
    if (all_processes().size() >= most_processes) {
        return -EAGAIN;
    }
    if (memory_is_short()) {
        return -ENOMEM;
    }
    auto made = make_process(parent.name);
    if (!made) {
        return -ENOMEM;
    }
    auto& child = **made;
    child.parent = parent.id;
    auto const fail = [&] {
        end_unborn(child);
        return -ENOMEM;
    };
    auto const environment = env_create(child.space, {libos::image_base}, {libos::image_base}, 0);
    if (!environment ||
        !window_grant(child.space, {0, libos::user_top / abi::page_bytes}, parent.space) ||
        !window_grant(child.space, {abi::library_base, library_pages}, parent.space)) {
        return fail();
    }
    child.unborn_environment = environment->value;
    request.results = {child.space.value, environment->value, 0};
    return static_cast<std::int64_t>(child.id);
}

// What a child has of its parent beside memory.
void inherit(Process& child, Process const& parent) {
    child.group = parent.group;
    child.session = parent.session;
    child.executable = parent.executable;
    child.command = parent.command;
    child.program = parent.program;
    child.mask = parent.mask;
    child.most_descriptors = parent.most_descriptors;
    child.directory = parent.directory;
    child.handles = parent.handles;
    child.descriptors() = parent.descriptors();
}

std::int64_t commit_fork(Request& request) {
    auto* const child = find_process(request.words[0]);
    if (child == nullptr || child->state != ProcessState::unborn ||
        child->parent != request.process.id) {
        return -ESRCH;
    }
    (void)window_revoke(child->space, request.process.space);
    auto const start = request.in<protocol::ThreadStart>(0);
    abi::EnvId const environment{child->unborn_environment};
    auto const wanted = static_cast<protocol::ForkCommit>(request.words[1]);
    if (wanted == protocol::ForkCommit::give_up || !start ||
        !env_set_frame(environment, {&start->frame}) ||
        !add_thread(*child, environment, start->slot)) {
        end_unborn(*child);
        return -ENOMEM;
    }
    inherit(*child, request.process);
    child->shares_memory = wanted == protocol::ForkCommit::start_sharing;
    child->state = ProcessState::running;
    (void)env_start(environment);
    return 0;
}

std::int64_t wait_for_release(Request& request) {
    auto* const child = find_process(request.words[0]);
    if (child == nullptr || child->parent != request.process.id || !child->shares_memory ||
        child->state == ProcessState::ended) {
        return 0;
    }
    wait_for(child->release_waiters, request.thread);
    return would_block;
}

std::int64_t new_thread(Request& request) {
    if (memory_is_short()) {
        return -EAGAIN;
    }
    auto const thread = add_thread(request.process, abi::EnvId{request.words[0]}, request.words[1]);
    return thread ? static_cast<std::int64_t>((*thread)->id) : -EAGAIN;
}

std::int64_t exit_thread(Request& request) {
    if (request.process.threads.size() == 1) {
        end_process(request.process, static_cast<std::int32_t>(request.words[0] & 0xff00));
        request.answered = false;
        return 0;
    }
    request.after = Request::After::thread_gone;
    return 0;
}

// Threads that its library OS has ended are gone; descriptors that close on exec close.
std::int64_t finish_exec(Request& request) {
    auto& process = request.process;
    auto const own = request.thread.environment;
    auto const others = process.threads;
    for (auto const environment : others) {
        if (environment != own) {
            remove_thread(environment);
        }
    }
    request.thread.id = process.id;
    process.timers.clear();
    process.shares_memory = false;
    process.release_waiters.wake_all();
    auto const file = process.file(request.words[2]);
    auto const executable = file ? file->path : std::string{};
    process.program = file && file->node() != nullptr ? Ref<Node>{file->node()} : Ref<Node>{};
    for (std::size_t i = 0; i < process.descriptors().size(); ++i) {
        if (process.descriptors()[i].close_on_exec) {
            process.close(i);
        }
    }
    auto const path_bytes = request.words[0];
    auto const arguments =
        request.data(path_bytes, std::max(request.words[1], path_bytes) - path_bytes);
    process.name = request.text(0).value_or("?");
    process.command.assign(reinterpret_cast<char const*>(arguments.data()), arguments.size());
    process.executable = executable;
    return 0;
}

bool matches(Process const& child, std::int64_t wanted, std::uint64_t own_group) {
    if (wanted > 0) {
        return child.id == static_cast<std::uint64_t>(wanted);
    }
    if (wanted == 0) {
        return child.group == own_group;
    }
    return wanted == -1 || child.group == static_cast<std::uint64_t>(-wanted);
}

struct News {
    bool any_child = false;
    Ref<Process> process;
};

// A child that has ended, or stopped or gone on if that is asked for.
News find_news(Process const& parent, std::int64_t wanted, bool ended, bool stopped,
               bool continued) {
    News news;
    for (auto const& [id, child] : all_processes()) {
        if (child->parent != parent.id || child->state == ProcessState::unborn ||
            !matches(*child, wanted, parent.group)) {
            continue;
        }
        news.any_child = true;
        bool const has = child->has_news && ((child->state == ProcessState::ended && ended) ||
                                             (child->state == ProcessState::stopped && stopped) ||
                                             (child->state == ProcessState::running && continued));
        if (has) {
            news.process = child;
            return news;
        }
    }
    return news;
}

std::int64_t wait_for_news(Request& request, News const& news, bool at_once) {
    if (!news.any_child) {
        return -ECHILD;
    }
    if (at_once) {
        return 0;
    }
    wait_for(request.process.child_waiters, request.thread);
    return would_block;
}

std::int64_t wait4(Request& request) {
    auto const [wanted, status_at, options, usage, e, f] = request.arguments;
    constexpr std::uint64_t known = WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE;
    if ((options & ~known) != 0) {
        return -EINVAL;
    }
    auto const news = find_news(request.process, static_cast<std::int32_t>(wanted), true,
                                (options & WUNTRACED) != 0, (options & WCONTINUED) != 0);
    if (!news.process) {
        return wait_for_news(request, news, (options & WNOHANG) != 0);
    }
    auto& child = *news.process;
    std::array<std::uint64_t, 18> const no_usage{};
    if (!request.out(status_at, child.wait_status) || !request.out(usage, no_usage)) {
        return -EFAULT;
    }
    auto const id = static_cast<std::int64_t>(child.id);
    child.has_news = false;
    if (child.state == ProcessState::ended) {
        reap(child);
    }
    return id;
}

std::int64_t waitid(Request& request) {
    auto const [kind, id, info_at, options, usage, f] = request.arguments;
    constexpr std::uint64_t events = WEXITED | WSTOPPED | WCONTINUED;
    constexpr std::uint64_t known = events | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL;
    auto const number = static_cast<std::int32_t>(id);
    if (kind > P_PGID || (options & events) == 0 || has_more(options, known) ||
        (kind == P_PID && number <= 0) || (kind == P_PGID && number < 0)) {
        return -EINVAL;
    }
    auto const wanted = kind == P_ALL   ? -1
                        : kind == P_PID ? static_cast<std::int64_t>(id)
                                        : -static_cast<std::int64_t>(id);
    auto const news = find_news(request.process, wanted, (options & WEXITED) != 0,
                                (options & WSTOPPED) != 0, (options & WCONTINUED) != 0);
    std::array<std::int32_t, 32> info{};
    if (!news.process) {
        auto const answer = wait_for_news(request, news, (options & WNOHANG) != 0);
        return answer == 0 && !request.out(info_at, info) ? -EFAULT : answer;
    }
    auto& child = *news.process;
    auto const told = news_of(child);
    info[0] = SIGCHLD;
    info[2] = told.code;
    info[4] = static_cast<std::int32_t>(child.id);
    info[6] = told.status;
    if (!request.out(info_at, info)) {
        return -EFAULT;
    }
    if ((options & WNOWAIT) == 0) {
        child.has_news = false;
        if (child.state == ProcessState::ended) {
            reap(child);
        }
    }
    return 0;
}

Process* named(Request& request, std::uint64_t id) {
    return id == 0 ? &request.process : find_process(static_cast<std::uint32_t>(id));
}

std::int64_t set_group(Request& request, std::uint64_t id, std::uint64_t group) {
    auto* const process = named(request, id);
    if (process == nullptr ||
        (process != &request.process && process->parent != request.process.id)) {
        return -ESRCH;
    }
    if (static_cast<std::int32_t>(group) < 0) {
        return -EINVAL;
    }
    group = group == 0 ? process->id : group;
    if (process->session == process->id || process->session != request.process.session ||
        (group != process->id && !group_exists(group, process->session))) {
        return -EPERM;
    }
    process->group = group;
    return 0;
}

std::int64_t new_session(Request& request) {
    auto& process = request.process;
    if (process.group == process.id) {
        return -EPERM;
    }
    process.group = process.session = process.id;
    return static_cast<std::int64_t>(process.id);
}

// What prctl(2) says of a process to its relatives. A value that is asked for is in the first result.
std::int64_t process_control(Request& request) {
    auto& process = request.process;
    auto const argument = request.arguments[1];
    switch (request.arguments[0]) {
        case PR_SET_CHILD_SUBREAPER:
            process.adopts_orphans = argument != 0;
            return 0;
        case PR_GET_CHILD_SUBREAPER:
            request.results[0] = process.adopts_orphans ? 1 : 0;
            return 0;
        case PR_SET_PDEATHSIG:
            if (argument > 64) {
                return -EINVAL;
            }
            process.parent_death_signal = static_cast<int>(argument);
            return 0;
        case PR_GET_PDEATHSIG:
            request.results[0] = static_cast<std::uint64_t>(process.parent_death_signal);
            return 0;
        default:
            return -EINVAL;
    }
}

std::int64_t identity(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::optional<std::int64_t> serve_operation(Request& request) {
    switch (static_cast<Operation>(request.number)) {
        case Operation::thread_new:
            return new_thread(request);
        case Operation::thread_exit:
            return exit_thread(request);
        case Operation::fork_begin:
            return begin_fork(request);
        case Operation::fork_commit:
            return commit_fork(request);
        case Operation::vfork_wait:
            return wait_for_release(request);
        case Operation::exec_done:
            return finish_exec(request);
        case Operation::exit_group:
            end_process(request.process, static_cast<std::int32_t>(request.words[0] & 0xffff));
            request.answered = false;
            return 0;
        case Operation::limit_descriptors:
            request.process.most_descriptors =
                std::min(request.words[0], protocol::most_descriptors);
            return 0;
        case Operation::missing_call:
            return static_cast<std::int64_t>(count_missing_call(request.words[0]));
        case Operation::stop_self:
            request.after = Request::After::stopped;
            request.stop_signal = static_cast<int>(request.words[0]);
            return 0;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::optional<std::int64_t> serve_processes(Request& request) {
    auto const& a = request.arguments;
    auto& process = request.process;
    switch (request.number) {
        case __NR_wait4:
            return wait4(request);
        case __NR_waitid:
            return waitid(request);
        case __NR_getppid:
            return identity(process.parent);
        case __NR_getpgrp:
            return identity(process.group);
        case __NR_getpgid: {
            auto const* const other = named(request, a[0]);
            return other == nullptr ? -ESRCH : identity(other->group);
        }
        case __NR_getsid: {
            auto const* const other = named(request, a[0]);
            return other == nullptr ? -ESRCH : identity(other->session);
        }
        case __NR_prctl:
            return process_control(request);
        case __NR_setpgid:
            return set_group(request, a[0], a[1]);
        case __NR_setsid:
            return new_session(request);
        case __NR_umask:
            return identity(std::exchange(process.mask, static_cast<std::uint32_t>(a[0]) & 0777));
        case __NR_getresuid:
        case __NR_getresgid: {
            std::uint32_t const root = 0;
            return request.out(a[0], root) && request.out(a[1], root) && request.out(a[2], root)
                       ? 0
                       : -EFAULT;
        }
        case __NR_setuid:
        case __NR_setgid:
            return static_cast<std::uint32_t>(a[0]) == ~0u ? -EINVAL : 0;
        // Everybody is root, and stays it.
        case __NR_getuid:
        case __NR_getgid:
        case __NR_geteuid:
        case __NR_getegid:
        case __NR_setreuid:
        case __NR_setregid:
        case __NR_setresuid:
        case __NR_setresgid:
            return 0;
        default:
            return serve_operation(request);
    }
}

}  // namespace quarry::server
