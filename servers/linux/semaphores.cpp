#include "servers/linux/semaphores.hpp"

#include "servers/linux/reserve.hpp"

#include <linux/ipc.h>
#include <linux/sem.h>

#include <algorithm>

namespace quarry::server {
namespace {

constexpr std::int32_t most_value = 32767;      // SEMVMX
constexpr std::uint64_t most_in_set = 1000;     // SEMMSL; Linux has 32000
constexpr std::uint64_t most_operations = 500;  // SEMOPM
constexpr std::size_t most_sets = 1000;
// Reading or setting all of a set goes through the channel.
static_assert(most_in_set * sizeof(std::uint16_t) <= protocol::channel_data_bytes);

struct Semaphore {
    std::int32_t value = 0;
    std::uint64_t last_process = 0;
};

struct Set {
    std::int32_t key = 0;
    std::uint32_t mode = 0;
    std::uint64_t creator = 0;
    std::vector<Semaphore> semaphores;
    std::map<std::uint64_t, std::vector<std::int32_t>> undo;  // by process: what its end adds
    std::uint64_t operated_at = 0;                            // seconds
    std::uint64_t changed_at = 0;
    Waiters waiters;
};

constinit std::uint64_t next_set = 0;

std::map<std::uint64_t, Set>& all_sets() {
    static std::map<std::uint64_t, Set> sets;
    return sets;
}

std::uint64_t seconds_now() { return (*clock_nanoseconds() + real_time_base()) / 1'000'000'000; }

std::int64_t get(Request& request) {
    auto const& a = request.arguments;
    auto const key = static_cast<std::int32_t>(a[0]);
    auto const count = static_cast<std::uint32_t>(a[1]);
    auto const flags = a[2];
    auto& sets = all_sets();
    auto const found =
        key == IPC_PRIVATE
            ? sets.end()
            : std::ranges::find_if(sets, [&](auto& each) { return each.second.key == key; });
    if (found != sets.end()) {
        if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) {
            return -EEXIST;
        }
        return count > found->second.semaphores.size() ? -EINVAL
                                                       : static_cast<std::int64_t>(found->first);
    }
    if (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0) {
        return -ENOENT;
    }
    if (count == 0 || count > most_in_set) {
        return -EINVAL;
    }
    if (sets.size() >= most_sets || memory_is_short()) {
        return -ENOSPC;
    }
    auto& set = sets[next_set];
    set.key = key;
    set.mode = flags & 0777;
    set.creator = request.process.id;
    set.semaphores.resize(count);
    set.changed_at = seconds_now();
    return static_cast<std::int64_t>(next_set++);
}

// Null, and what to answer: it went while the thread waited, or was not there.
struct Named {
    Set* set;
    std::int64_t error;
};
Named named(Request const& request) {
    auto const id = static_cast<std::uint32_t>(request.arguments[0]);
    auto const found = all_sets().find(id);
    if (found != all_sets().end()) {
        return {&found->second, 0};
    }
    auto const& wait = request.thread.semaphore;
    return {nullptr, wait && wait->set == id ? -EIDRM : -EINVAL};
}

// All operations at once, or none: 0, an error, or would_block with the thread among the waiters.
std::int64_t operate(Request& request) {
    auto const& a = request.arguments;
    auto const [set, error] = named(request);
    if (set == nullptr) {
        return error;
    }
    if (a[2] == 0) {
        return -EINVAL;
    }
    if (a[2] > most_operations) {
        return -E2BIG;
    }
    std::vector<sembuf> operations(a[2]);
    auto const bytes = request.data(a[1], a[2] * sizeof(sembuf));
    if (bytes.empty()) {
        return -EFAULT;
    }
    std::memcpy(operations.data(), bytes.data(), bytes.size());
    auto next = set->semaphores;
    for (auto const& operation : operations) {
        if (operation.sem_num >= next.size()) {
            return -EFBIG;
        }
        auto& semaphore = next[operation.sem_num];
        auto const value = semaphore.value + operation.sem_op;
        bool const blocks = operation.sem_op == 0 ? semaphore.value != 0 : value < 0;
        if (blocks) {
            if ((operation.sem_flg & IPC_NOWAIT) != 0) {
                return -EAGAIN;
            }
            request.thread.semaphore = {static_cast<std::uint32_t>(a[0]), operation.sem_num,
                                        operation.sem_op == 0};
            wait_for(set->waiters, request.thread);
            return would_block;
        }
        if (value > most_value) {
            return -ERANGE;
        }
        semaphore = {value, request.process.id};
    }
    for (auto const& operation : operations) {
        if ((operation.sem_flg & SEM_UNDO) != 0) {
            auto& undo = set->undo[request.process.id];
            undo.resize(next.size());
            undo[operation.sem_num] -= operation.sem_op;
        }
    }
    set->semaphores = std::move(next);
    set->operated_at = seconds_now();
    set->waiters.wake_all();
    return 0;
}

std::int64_t count_waiters(std::uint64_t id, std::uint64_t index, bool for_zero) {
    std::int64_t count = 0;
    for (auto const& [number, process] : all_processes()) {
        for (auto const environment : process->threads) {
            auto const& wait = find_thread(environment)->semaphore;
            count += wait && wait->set == id && wait->index == index && wait->for_zero == for_zero;
        }
    }
    return count;
}

void forget_undo(Set& set, std::uint64_t index) {
    for (auto& [process, undo] : set.undo) {
        undo[index] = 0;
    }
}

std::int64_t set_value(Set& set, std::uint64_t index, std::uint64_t value, std::uint64_t process) {
    if (static_cast<std::int32_t>(value) < 0 || value > most_value) {
        return -ERANGE;
    }
    set.semaphores[index] = {static_cast<std::int32_t>(value), process};
    forget_undo(set, index);
    set.changed_at = seconds_now();
    set.waiters.wake_all();
    return 0;
}

std::int64_t set_all(Request& request, Set& set) {
    auto const bytes = request.data(0, set.semaphores.size() * sizeof(std::uint16_t));
    std::vector<std::uint16_t> values(set.semaphores.size());
    std::memcpy(values.data(), bytes.data(), bytes.size());
    if (std::ranges::any_of(values, [](auto value) { return value > most_value; })) {
        return -ERANGE;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        (void)set_value(set, i, values[i], request.process.id);
    }
    return 0;
}

std::int64_t get_all(Request& request, Set const& set) {
    std::vector<std::uint16_t> values;
    for (auto const& semaphore : set.semaphores) {
        values.push_back(static_cast<std::uint16_t>(semaphore.value));
    }
    std::memcpy(request.thread.data(), values.data(), values.size() * sizeof(std::uint16_t));
    return 0;
}

std::int64_t describe(Request& request, Set const& set) {
    semid64_ds description{};
    description.sem_perm.key = set.key;
    description.sem_perm.mode = set.mode;
    description.sem_otime = static_cast<__kernel_long_t>(set.operated_at);
    description.sem_ctime = static_cast<__kernel_long_t>(set.changed_at);
    description.sem_nsems = set.semaphores.size();
    return request.out(0, description) ? 0 : -EFAULT;
}

// The library OS copies what lies in the channel's data, which SETALL, GETALL and IPC_STAT use.
std::int64_t control(Request& request) {
    auto const& a = request.arguments;
    auto const [set, error] = named(request);
    if (set == nullptr) {
        return error;
    }
    auto const command = a[2] & ~std::uint64_t{0x100};  // IPC_64
    request.results = {set->semaphores.size(), 0, 0};
    switch (command) {
        case IPC_RMID:
            set->waiters.wake_all();
            all_sets().erase(static_cast<std::uint32_t>(a[0]));
            return 0;
        case IPC_STAT:
            return describe(request, *set);
        case IPC_SET:
            return 0;  // everybody owns everything
        case GETALL:
            return get_all(request, *set);
        case SETALL:
            return set_all(request, *set);
        default:
            break;
    }
    auto const index = static_cast<std::uint32_t>(a[1]);
    if (index >= set->semaphores.size()) {
        return -EINVAL;
    }
    auto const& semaphore = set->semaphores[index];
    switch (command) {
        case GETVAL:
            return semaphore.value;
        case SETVAL:
            return set_value(*set, index, static_cast<std::uint32_t>(a[3]), request.process.id);
        case GETPID:
            return static_cast<std::int64_t>(semaphore.last_process);
        case GETNCNT:
        case GETZCNT:
            return count_waiters(a[0], index, command == GETZCNT);
        default:
            return -EINVAL;
    }
}

}  // namespace

void undo_semaphores(Process const& process) {
    for (auto& [id, set] : all_sets()) {
        auto const found = set.undo.find(process.id);
        if (found == set.undo.end()) {
            continue;
        }
        for (std::size_t i = 0; i < found->second.size(); ++i) {
            auto& semaphore = set.semaphores[i];
            semaphore.value = std::clamp(semaphore.value + found->second[i], 0, most_value);
        }
        set.undo.erase(found);
        set.waiters.wake_all();
    }
}

std::optional<std::int64_t> serve_semaphores(Request& request) {
    switch (request.number) {
        case __NR_semget:
            return get(request);
        case __NR_semtimedop:
            return operate(request);
        case __NR_semctl:
            return control(request);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
