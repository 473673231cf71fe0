// Threads and what they wait for.
#include "abi/view.hpp"
#include "user/linux/calls.hpp"
#include "user/linux/clocks.hpp"
#include "user/linux/futex.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::libos::calls {

namespace {

// What goes together: threads share handlers, who shares handlers shares memory, and nobody shares what
// belongs to a name space of his own.
bool fit_together(std::uint64_t flags) {
    bool const shares_handlers = (flags & CLONE_SIGHAND) != 0;
    return ((flags & CLONE_THREAD) == 0 || shares_handlers) &&
           (!shares_handlers || (flags & CLONE_VM) != 0) &&
           ((flags & CLONE_FS) == 0 || (flags & (CLONE_NEWNS | CLONE_NEWUSER)) == 0);
}

}  // namespace

std::int64_t clone(Registers& r) {
    auto const [flags, stack, parent_tid, child_tid, thread_pointer, unused] = arguments_of(r);
    if (!fit_together(flags)) {
        return -EINVAL;
    }
    if ((flags & CLONE_THREAD) != 0) {
        if (stack == 0) {
            return -EINVAL;
        }
        return start_thread(r, stack, (flags & CLONE_SETTLS) != 0 ? thread_pointer : 0,
                            (flags & CLONE_CHILD_CLEARTID) != 0 ? child_tid : 0,
                            (flags & CLONE_CHILD_SETTID) != 0 ? child_tid : 0,
                            (flags & CLONE_PARENT_SETTID) != 0 ? parent_tid : 0);
    }
    return fork_process(r, stack, flags, child_tid, parent_tid, thread_pointer);
}

std::int64_t clone3(Registers& r) {
    clone_args arguments{};
    if (r.rsi < CLONE_ARGS_SIZE_VER0) {
        return -EINVAL;
    }
    if (r.rsi > page_bytes) {
        return -E2BIG;
    }
    if (!copy_in(&arguments, r.rdi, std::min<std::size_t>(r.rsi, sizeof(arguments)))) {
        return -EFAULT;
    }
    auto const stack = arguments.stack == 0 ? 0 : arguments.stack + arguments.stack_size;
    auto const flags = arguments.flags;
    if (!fit_together(flags)) {
        return -EINVAL;
    }
    if ((flags & CLONE_THREAD) != 0) {
        return start_thread(r, stack, (flags & CLONE_SETTLS) != 0 ? arguments.tls : 0,
                            (flags & CLONE_CHILD_CLEARTID) != 0 ? arguments.child_tid : 0,
                            (flags & CLONE_CHILD_SETTID) != 0 ? arguments.child_tid : 0,
                            (flags & CLONE_PARENT_SETTID) != 0 ? arguments.parent_tid : 0);
    }
    return fork_process(r, stack, flags, arguments.child_tid, arguments.parent_tid, arguments.tls);
}

std::int64_t exit(Registers& r) { end_thread(static_cast<int>(r.rdi)); }

std::int64_t futex(Registers& r) { return serve_futex(arguments_of(r)); }

std::int64_t set_tid_address(Registers& r) {
    this_thread().clear_on_exit = r.rdi;
    return static_cast<std::int64_t>(this_thread().id);
}

std::int64_t set_robust_list(Registers& r) {
    if (r.rsi != sizeof(robust_list_head)) {
        return -EINVAL;
    }
    this_thread().robust_list = r.rdi;
    return 0;
}

std::int64_t get_robust_list(Registers& r) {
    std::uint64_t const bytes = sizeof(robust_list_head);
    if (r.rdi != 0 && r.rdi != this_thread().id) {
        return -ESRCH;
    }
    return copy_out(r.rsi, this_thread().robust_list) && copy_out(r.rdx, bytes) ? 0 : -EFAULT;
}

std::int64_t gettid(Registers&) { return static_cast<std::int64_t>(this_thread().id); }
std::int64_t getpid(Registers&) { return static_cast<std::int64_t>(process.id); }

std::int64_t arch_prctl(Registers& r) {
    switch (r.rdi) {
        case ARCH_SET_FS:
            if (r.rsi >= user_top) {
                return -EPERM;
            }
            asm volatile("wrfsbase %0" : : "r"(r.rsi));
            return 0;
        case ARCH_GET_FS: {
            std::uint64_t base = 0;
            asm volatile("rdfsbase %0" : "=r"(base));
            return copy_out(r.rsi, base) ? 0 : -EFAULT;
        }
        case ARCH_GET_GS: {
            std::uint64_t const none = 0;
            return copy_out(r.rsi, none) ? 0 : -EFAULT;
        }
        default:
            return -EINVAL;  // the GS base is the library OS's
    }
}

std::int64_t prctl(Registers& r) {
    auto& thread = this_thread();
    switch (r.rdi) {
        case PR_SET_NAME: {
            std::array<char, 16> name{};
            auto const length = copy_in_string(name.data(), r.rsi, name.size());
            if (length == -EFAULT) {
                return length;
            }
            name.back() = '\0';
            thread.name = name;
            return 0;
        }
        case PR_GET_NAME:
            return copy_out(r.rsi, thread.name) ? 0 : -EFAULT;
        case PR_SET_CHILD_SUBREAPER:
        case PR_SET_PDEATHSIG:
            return forward(r);
        case PR_GET_CHILD_SUBREAPER:
        case PR_GET_PDEATHSIG: {
            auto const asked = forward(r);
            auto const value = static_cast<std::int32_t>(channel_of(thread).results[0]);
            return asked < 0 ? asked : copy_out(r.rsi, value) ? 0 : -EFAULT;
        }
        case PR_SET_DUMPABLE:
        case PR_SET_NO_NEW_PRIVS:
        case PR_SET_KEEPCAPS:
        case PR_SET_TIMERSLACK:
            return 0;
        case PR_GET_DUMPABLE:
            return 1;
        case PR_SET_VMA:
            return -EINVAL;
        default:
            return -EINVAL;
    }
}

std::int64_t getcpu(Registers& r) {
    auto const* const views = reinterpret_cast<abi::EnvView const*>(abi::env_views);
    auto const slot = this_thread().environment & 0xffff;
    std::uint32_t const processor =
        slot < abi::env_view_slots ? __atomic_load_n(&views[slot].processor, __ATOMIC_RELAXED) : 0;
    std::uint32_t const node = 0;
    bool const done =
        (r.rdi == 0 || copy_out(r.rdi, processor)) && (r.rsi == 0 || copy_out(r.rsi, node));
    return done ? 0 : -EFAULT;
}

// Any call of the kernel's that touches all processors would do; a message to oneself is not one. A
// program that registers is told that it cannot, and does without.
std::int64_t membarrier(Registers& r) { return r.rdi == 0 && r.rsi == 0 ? 0 : -EINVAL; }

std::int64_t refuse_quietly(Registers&) { return -ENOSYS; }

}  // namespace quarry::libos::calls
