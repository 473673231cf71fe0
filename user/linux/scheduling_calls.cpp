// Priorities, policies and processors: asked, checked, and without effect. There is one policy.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/uapi.hpp"

#include <linux/sched.h>

#include <algorithm>

namespace quarry::libos {
namespace {

constinit std::int32_t nice_value = 0;

// 0 if there is such a thread or process, or it is the caller (0).
std::int64_t look_for(std::uint64_t given) {
    auto const id = static_cast<std::int32_t>(given);
    if (id < 0) {
        return -EINVAL;
    }
    for (std::uint64_t slot = 0; slot < thread_table.used; ++slot) {
        if (is_live(slot) && thread_at(slot).id == static_cast<std::uint64_t>(id)) {
            return 0;
        }
    }
    auto const group = id == 0 ? 0 : forward_as(__NR_getpgid, {static_cast<std::uint64_t>(id)});
    return group < 0 ? -ESRCH : 0;
}

// The same for what the two calls of priorities name: processes, groups and users.
std::int64_t look_for(std::uint64_t kind, std::uint64_t id) {
    constexpr std::uint64_t process_kind = 0;
    constexpr std::uint64_t user_kind = 2;
    if (kind > user_kind) {
        return -EINVAL;
    }
    return kind == process_kind && look_for(id) != 0 ? -ESRCH : 0;
}

bool is_policy(std::uint64_t policy) {
    return policy <= SCHED_DEADLINE && policy != 4;  // SCHED_ISO was never made
}
bool is_realtime(std::uint64_t policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

std::uint64_t all_processors() {
    return process.processors >= 64 ? ~std::uint64_t{0}
                                    : (std::uint64_t{1} << process.processors) - 1;
}

}  // namespace

namespace calls {

std::int64_t sched_yield(Registers&) {
    (void)yield();
    return 0;
}

std::int64_t getpriority(Registers& r) {
    constexpr std::int32_t shown_as = 20;  // minus the value, so that no answer is negative
    auto const error = look_for(r.rdi, r.rsi);
    return error != 0 ? error : shown_as - nice_value;
}

std::int64_t setpriority(Registers& r) {
    constexpr std::int32_t lowest = -20;
    constexpr std::int32_t highest = 19;
    auto const error = look_for(r.rdi, r.rsi);
    if (error == 0) {
        nice_value = std::clamp(static_cast<std::int32_t>(r.rdx), lowest, highest);
    }
    return error;
}

std::int64_t sched_getparam(Registers& r) {
    std::int32_t const priority = 0;
    auto const error = r.rsi == 0 ? -EINVAL : look_for(r.rdi);
    return error != 0 ? error : copy_out(r.rsi, priority) ? 0 : -EFAULT;
}

std::int64_t sched_setparam(Registers& r) {
    std::int32_t priority = 0;
    if (r.rsi == 0 || static_cast<std::int32_t>(r.rdi) < 0) {
        return -EINVAL;
    }
    if (!copy_in(priority, r.rsi)) {
        return -EFAULT;
    }
    auto const error = look_for(r.rdi);
    return error != 0 ? error : priority == 0 ? 0 : -EINVAL;
}

std::int64_t sched_getscheduler(Registers& r) { return look_for(r.rdi); }

std::int64_t sched_setscheduler(Registers& r) {
    std::int32_t priority = 0;
    if (r.rdx == 0 || static_cast<std::int32_t>(r.rdi) < 0 ||
        static_cast<std::int32_t>(r.rsi) < 0) {
        return -EINVAL;
    }
    if (!copy_in(priority, r.rdx)) {
        return -EFAULT;
    }
    if (auto const error = look_for(r.rdi); error != 0) {
        return error;
    }
    constexpr std::uint64_t reset_on_fork = 0x4000'0000;
    auto const policy = r.rsi & 0xffff'ffff & ~reset_on_fork;
    return is_policy(policy) && is_realtime(policy) == (priority != 0) ? 0 : -EINVAL;
}

std::int64_t sched_get_priority_max(Registers& r) {
    constexpr std::int64_t most = 99;
    return !is_policy(r.rdi) ? -EINVAL : is_realtime(r.rdi) ? most : 0;
}
std::int64_t sched_get_priority_min(Registers& r) {
    return !is_policy(r.rdi) ? -EINVAL : is_realtime(r.rdi) ? 1 : 0;
}

// One bit for each processor that the machine started.
std::int64_t sched_getaffinity(Registers& r) {
    constexpr std::size_t bytes = 8;
    if (r.rsi < bytes || r.rsi % 8 != 0) {
        return -EINVAL;
    }
    if (look_for(r.rdi) != 0) {
        return -ESRCH;
    }
    return copy_out(r.rdx, all_processors()) ? static_cast<std::int64_t>(bytes) : -EFAULT;
}

std::int64_t sched_setaffinity(Registers& r) {
    std::uint64_t mask = 0;
    if (!copy_in(&mask, r.rdx, std::min<std::size_t>(r.rsi, sizeof(mask)))) {
        return -EFAULT;
    }
    if (look_for(r.rdi) != 0) {
        return -ESRCH;
    }
    return (mask & all_processors()) != 0 ? 0 : -EINVAL;
}

}  // namespace calls
}  // namespace quarry::libos
