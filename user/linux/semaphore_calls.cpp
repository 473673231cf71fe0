// System V semaphores: what their calls point to depends on the command, so it is copied here.
#include "user/linux/calls.hpp"
#include "user/linux/clocks.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"

#include "user/linux/uapi.hpp"

#include <linux/ipc.h>
#include <linux/sem.h>

#include <algorithm>

namespace quarry::libos {
namespace {

std::int64_t operate(Registers& r, std::uint64_t timeout_at) {
    constexpr std::uint64_t most = 500;  // SEMOPM
    if (r.rdx > most) {
        return -E2BIG;
    }
    auto const deadline = deadline_from(timeout_at, CLOCK_MONOTONIC, false);
    if (deadline.error != 0) {
        return deadline.error;
    }
    if (!copy_in(data_of(this_thread()), r.rsi, r.rdx * sizeof(sembuf))) {
        return -EFAULT;
    }
    auto const done = forward_as(__NR_semtimedop, {r.rdi, 0, r.rdx}, deadline.at);
    return done == -ETIMEDOUT ? -EAGAIN : done;
}

}  // namespace

namespace calls {

std::int64_t semop(Registers& r) { return operate(r, 0); }
std::int64_t semtimedop(Registers& r) { return operate(r, r.r10); }

std::int64_t semctl(Registers& r) {
    auto const command = r.rdx & ~std::uint64_t{0x100};  // IPC_64
    auto* const data = data_of(this_thread());
    auto const count = [&] {  // of the set's; the bytes of all their values
        return channel_of(this_thread()).results[0] * sizeof(std::uint16_t);
    };
    if (command == SETALL) {
        auto const known = forward_as(__NR_semctl, {r.rdi, 0, IPC_STAT});
        if (known < 0) {
            return known;
        }
        auto const bytes = std::min<std::uint64_t>(count(), protocol::channel_data_bytes);
        if (!copy_in(data, r.r10, bytes)) {
            return -EFAULT;
        }
    }
    auto const answer = forward_as(__NR_semctl, arguments_of(r));
    if (answer < 0 || (command != GETALL && command != IPC_STAT)) {
        return answer;
    }
    auto const bytes = command == GETALL
                           ? std::min<std::uint64_t>(count(), protocol::channel_data_bytes)
                           : sizeof(semid64_ds);
    return copy_out(r.r10, data, bytes) ? answer : -EFAULT;
}

}  // namespace calls
}  // namespace quarry::libos
