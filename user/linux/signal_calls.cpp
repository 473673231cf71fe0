// Handlers, masks, and signals that the process sends itself.
#include "user/linux/calls.hpp"
#include "user/linux/clocks.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signal_frame.hpp"
#include "user/linux/signal_queue.hpp"
#include "user/linux/signals.hpp"

#include <bit>

namespace quarry::libos {
namespace {

bool is_id(std::uint64_t number) { return static_cast<std::int32_t>(number) > 0; }
bool is_signal(std::uint64_t number) { return number >= 1 && number <= signals; }

std::int64_t wait_for_signal() {
    while (!is_wanted(this_thread())) {
        (void)sleep_until(~std::uint64_t{0} >> 2);
        take_held();
    }
    return restart_without_handler;
}

// A signal for one thread of this process.
std::int64_t send_to_thread(protocol::SignalNote const& note) {
    if (note.number < 0 || note.number > static_cast<std::int32_t>(signals)) {
        return -EINVAL;
    }
    for (std::uint64_t slot = 0; slot < thread_table.used; ++slot) {
        if (is_live(slot) && thread_at(slot).id == note.thread) {
            return note.number == 0 || post_to_thread(slot, note) ? 0 : -EAGAIN;
        }
    }
    return -ESRCH;
}

protocol::SignalNote note_of(std::uint64_t thread, std::uint64_t signal) {
    return {.number = static_cast<std::int32_t>(signal),
            .code = SI_TKILL,
            .sender = static_cast<std::uint32_t>(process.id),
            .user = 0,
            .value = 0,
            .thread = thread};
}

}  // namespace

namespace calls {

std::int64_t rt_sigaction(Registers& r) {
    if (!is_signal(r.rdi) || r.r10 != 8) {
        return -EINVAL;
    }
    auto& action = signal_state.actions[r.rdi - 1];
    Action next{};
    if (r.rsi != 0) {
        if ((bit_of(static_cast<unsigned>(r.rdi)) & unblockable) != 0) {
            return -EINVAL;
        }
        if (!copy_in(next, r.rsi)) {
            return -EFAULT;
        }
    }
    if (r.rdx != 0 && !copy_out(r.rdx, action)) {
        return -EFAULT;
    }
    if (r.rsi != 0) {
        action = next;
        reconsider();
    }
    return 0;
}

std::int64_t rt_sigprocmask(Registers& r) {
    auto& thread = this_thread();
    std::uint64_t set = 0;
    if (r.r10 != 8) {
        return -EINVAL;
    }
    if (r.rsi != 0 && !copy_in(set, r.rsi)) {
        return -EFAULT;
    }
    auto const old = thread.blocked;
    if (r.rsi != 0) {
        switch (r.rdi) {
            case SIG_BLOCK:
                thread.blocked = old | (set & ~unblockable);
                break;
            case SIG_UNBLOCK:
                thread.blocked = old & ~set;
                break;
            case SIG_SETMASK:
                thread.blocked = set & ~unblockable;
                break;
            default:
                return -EINVAL;
        }
        if (has_deliverable(thread)) {
            reconsider();
        }
    }
    return r.rdx == 0 || copy_out(r.rdx, old) ? 0 : -EFAULT;
}

std::int64_t rt_sigpending(Registers& r) {
    auto const set = pending_signals(this_thread()) & this_thread().blocked;
    if (r.rsi > sizeof(set)) {
        return -EINVAL;
    }
    return copy_out(r.rdi, &set, r.rsi) ? 0 : -EFAULT;
}

std::int64_t rt_sigsuspend(Registers& r) {
    auto& thread = this_thread();
    std::uint64_t set = 0;
    if (r.rsi != 8) {
        return -EINVAL;
    }
    if (!copy_in(set, r.rdi)) {
        return -EFAULT;
    }
    thread.saved_blocked = thread.blocked;
    thread.has_saved_blocked = true;
    thread.blocked = set & ~unblockable;
    reconsider();
    return wait_for_signal();
}

std::int64_t pause(Registers&) { return wait_for_signal(); }

// Takes a blocked signal without its handler.
std::int64_t rt_sigtimedwait(Registers& r) {
    auto& thread = this_thread();
    std::uint64_t set = 0;
    if (r.r10 != 8) {
        return -EINVAL;
    }
    if (!copy_in(set, r.rdi)) {
        return -EFAULT;
    }
    auto const deadline = deadline_from(r.rdx, CLOCK_MONOTONIC, false);
    if (deadline.error != 0) {
        return deadline.error;
    }
    for (;;) {
        if (auto const note = take_signal(set); note.number != 0) {
            auto const info = info_of(note);
            return r.rsi == 0 || copy_out(r.rsi, info) ? note.number : -EFAULT;
        }
        take_held();
        if (is_wanted(thread) && has_deliverable(thread)) {
            return -EINTR;
        }
        auto const slept = sleep_until(deadline.at == 0 ? ~std::uint64_t{0} >> 2 : deadline.at);
        if (slept.error() == Error::timed_out && deadline.at != 0) {
            return -EAGAIN;
        }
    }
}

std::int64_t rt_sigreturn(Registers& r) {
    return_from_handler(r);
    return static_cast<std::int64_t>(r.rax);  // as the program had it
}

std::int64_t sigaltstack(Registers& r) {
    auto& stack = this_thread().alternate_stack;
    auto const rsp = this_thread().call.frame.rsp;
    bool const is_on_it = !stack.disabled && rsp > stack.base && rsp - stack.base <= stack.bytes;
    struct Description {
        std::uint64_t base;
        std::uint32_t flags, pad;
        std::uint64_t bytes;
    };
    constexpr std::uint32_t on_stack = 1;
    constexpr std::uint32_t disable = 2;
    constexpr std::uint64_t minimum = 2048;
    Description next{};
    if (r.rdi != 0 && !copy_in(next, r.rdi)) {
        return -EFAULT;
    }
    Description const old{stack.base,
                          stack.disabled ? disable
                          : is_on_it     ? on_stack
                                         : 0,
                          0, stack.bytes};
    if (r.rdi != 0) {
        if (is_on_it) {
            return -EPERM;
        }
        constexpr std::uint32_t known = on_stack | disable | 1u << 31;  // SS_AUTODISARM
        if ((next.flags & ~known) != 0 || (next.flags & (on_stack | disable)) == 3) {
            return -EINVAL;
        }
        if ((next.flags & disable) != 0) {
            stack = {};
        } else if (next.bytes < minimum) {
            return -ENOMEM;
        } else {
            stack = {next.base, next.bytes, false};
        }
    }
    return r.rsi == 0 || copy_out(r.rsi, old) ? 0 : -EFAULT;
}

std::int64_t tgkill(Registers& r) {
    if (!is_id(r.rdi) || !is_id(r.rsi)) {
        return -EINVAL;
    }
    if (r.rdi != process.id) {
        return forward_as(__NR_kill, {r.rdi, r.rdx});
    }
    return send_to_thread(note_of(r.rsi, r.rdx));
}

std::int64_t tkill(Registers& r) {
    return is_id(r.rdi) ? send_to_thread(note_of(r.rdi, r.rsi)) : -EINVAL;
}

// With siginfo of the program's own making, which is its own affair.
std::int64_t rt_tgsigqueueinfo(Registers& r) {
    SignalInfo info{};
    if (!copy_in(info, r.r10)) {
        return -EFAULT;
    }
    if (!is_id(r.rdi) || !is_id(r.rsi)) {
        return -EINVAL;
    }
    if (r.rdi != process.id) {
        return forward_as(__NR_rt_sigqueueinfo, {r.rdi, r.rdx, r.r10});
    }
    auto note = note_of(r.rsi, r.rdx);
    note.code = info.code;
    note.sender = static_cast<std::uint32_t>(info.value[0]);
    note.user = static_cast<std::uint32_t>(info.value[0] >> 32);
    note.value = info.value[1];
    return send_to_thread(note);
}

}  // namespace calls
}  // namespace quarry::libos
