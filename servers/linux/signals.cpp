#include "servers/linux/signals.hpp"

#include "user/rt/call.hpp"

#include <algorithm>

namespace quarry::server {
namespace {

using protocol::SignalNote;
using protocol::SignalRing;

constexpr int first_queueing = 32;  // SIGRTMIN, as kernels number it
constexpr std::uint32_t slots_for_others = first_queueing - 1;

// Those that were written and not taken, as far as the client says.
std::uint32_t untaken(ClientThread const& thread) {
    auto const taken = __atomic_load_n(&thread.head().signals.taken, __ATOMIC_ACQUIRE);
    return std::min(thread.signals_written - taken, SignalRing::slots);
}

bool waits_already(ClientThread const& thread, std::int32_t number) {
    auto const& ring = thread.head().signals;
    for (std::uint32_t back = 1; back <= untaken(thread); ++back) {
        auto const& note = ring.notes[(thread.signals_written - back) % SignalRing::slots];
        if (note.number == number && note.thread == 0) {
            return true;
        }
    }
    return false;
}

bool leave(ClientThread& thread, SignalNote const& note) {
    bool const queues = note.number >= first_queueing;
    auto const room = SignalRing::slots - untaken(thread);
    if (!queues && (room == 0 || (note.thread == 0 && waits_already(thread, note.number)))) {
        return true;
    }
    if (queues && room <= slots_for_others) {
        return false;
    }
    auto& ring = thread.head().signals;
    ring.notes[thread.signals_written % SignalRing::slots] = note;
    __atomic_store_n(&ring.written, ++thread.signals_written, __ATOMIC_RELEASE);
    return true;
}

// Whose ring a note goes to: that of the thread it is for, or of the first one.
ClientThread* receiver(Process const& process, std::uint64_t thread_id) {
    for (auto const environment : process.threads) {
        auto* const thread = find_thread(environment);
        if (thread_id == 0 || thread->id == thread_id) {
            return thread;
        }
    }
    return nullptr;
}

std::int64_t send(Request& request, std::int64_t target, SignalNote const& note) {
    if (note.number < 0 || note.number > 64) {
        return -EINVAL;
    }
    std::vector<Ref<Process>> targets;
    for (auto const& [id, process] : all_processes()) {
        bool const meant = target > 0     ? id == static_cast<std::uint64_t>(target)
                           : target == 0  ? process->group == request.process.group
                           : target == -1 ? id != 1 && id != request.process.id
                                          : process->group == static_cast<std::uint64_t>(-target);
        if (meant && process->state != ProcessState::unborn) {
            targets.push_back(process);
        }
    }
    if (targets.empty()) {
        return -ESRCH;
    }
    bool sent = true;
    for (auto const& process : targets) {
        if (process.get() == &request.process &&
            (note.number == SIGKILL || note.number == SIGSTOP)) {
            request.after =
                note.number == SIGKILL ? Request::After::killed : Request::After::stopped;
        } else {
            sent = process->signal(note) && sent;
        }
    }
    return sent ? 0 : -EAGAIN;
}

SignalNote from(Process const& sender, std::uint64_t number) {
    return {.number = static_cast<std::int32_t>(number),
            .code = SI_USER,
            .sender = static_cast<std::uint32_t>(sender.id),
            .user = 0,
            .value = 0,
            .thread = 0};
}

std::int64_t send_with_info(Request& request) {
    auto const& a = request.arguments;
    auto const info = request.in<std::array<std::uint64_t, 16>>(a[2]);
    if (!info) {
        return -EFAULT;
    }
    auto const target = static_cast<std::int32_t>(a[0]);
    auto note = from(request.process, a[1]);
    note.code = static_cast<std::int32_t>((*info)[1]);
    note.sender = static_cast<std::uint32_t>((*info)[2]);
    note.user = static_cast<std::uint32_t>((*info)[2] >> 32);
    note.value = (*info)[3];
    // Nobody says of another's signal that the kernel or kill(2) sent it.
    bool const pretends = note.code >= 0 || note.code == SI_TKILL;
    if (pretends && static_cast<std::uint64_t>(target) != request.process.id) {
        return -EPERM;
    }
    return target <= 0 ? -ESRCH : send(request, target, note);
}

}  // namespace

bool Process::signal(SignalNote const& note) {
    if (state == ProcessState::ended || state == ProcessState::unborn || note.number == 0) {
        return true;
    }
    if (note.number == SIGKILL) {
        end_process(*this, SIGKILL);
        return true;
    }
    if (note.number == SIGSTOP) {
        stop_process(*this, SIGSTOP);
        return true;
    }
    if (note.number == SIGCONT) {
        continue_process(*this);
    }
    auto* const thread = receiver(*this, note.thread);
    if (thread == nullptr) {
        return true;
    }
    bool const left = leave(*thread, note);
    (void)env_interrupt(abi::EnvId{thread->environment}, protocol::doorbell);
    return left;
}

void Process::signal(int number) {
    (void)signal(
        {.number = number, .code = SI_KERNEL, .sender = 0, .user = 0, .value = 0, .thread = 0});
}

void signal_group(std::uint64_t group, int number) {
    std::vector<Ref<Process>> members;
    for (auto const& [id, process] : all_processes()) {
        if (process->group == group) {
            members.push_back(process);
        }
    }
    for (auto const& process : members) {
        process->signal(number);
    }
}

void pass_on_signals(Process& process, ClientThread const& gone) {
    if (process.state == ProcessState::ended || process.threads.empty()) {
        return;
    }
    for (auto back = untaken(gone); back != 0; --back) {
        auto const note =
            gone.head().signals.notes[(gone.signals_written - back) % SignalRing::slots];
        if (note.thread == 0) {
            (void)process.signal(note);
        }
    }
}

std::optional<std::int64_t> serve_signals(Request& request) {
    auto const& a = request.arguments;
    switch (request.number) {
        case __NR_kill:
            return send(request, static_cast<std::int32_t>(a[0]), from(request.process, a[1]));
        case __NR_rt_sigqueueinfo:
            return send_with_info(request);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
