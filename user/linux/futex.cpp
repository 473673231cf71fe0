#include "user/linux/futex.hpp"

#include "user/linux/clocks.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/thread.hpp"
#include "user/linux/uapi.hpp"

#include <mutex>

extern "C" std::uint64_t libos_user_exchange(std::uint64_t address, std::uint32_t expected,
                                             std::uint32_t desired);

namespace quarry::libos {
namespace {

std::uint32_t const* word_at(std::uint64_t address) {
    return reinterpret_cast<std::uint32_t const*>(address);
}

// Private memory is the same as an address in this space, whatever the caller says.
std::uint64_t scope_of(std::uint64_t address, std::uint64_t operation) {
    constexpr auto own = static_cast<std::uint64_t>(abi::WordScope::own_space);
    if ((operation & FUTEX_PRIVATE_FLAG) != 0) {
        return own;
    }
    std::lock_guard const guard{memory.lock};
    auto const* const mapping = memory.mappings.find(address);
    bool const shared = mapping != nullptr && mapping->kind == MappingKind::shared;
    return shared ? static_cast<std::uint64_t>(abi::WordScope::shared) : own;
}

bool is_negative(std::uint64_t count) { return static_cast<std::int32_t>(count) < 0; }
bool is_word(std::uint64_t address) { return address % 4 == 0 && address < user_top; }

std::int64_t wait(std::uint64_t address, std::uint64_t operation, std::uint32_t expected,
                  std::uint64_t deadline) {
    auto const scope = scope_of(address, operation);
    for (;;) {
        std::uint32_t present = 0;
        if (!copy_in(present, address)) {  // so that the page is there
            return -EFAULT;
        }
        if (present != expected) {
            return -EAGAIN;
        }
        auto const waited = word_wait({word_at(address)}, expected, scope, deadline);
        if (waited) {
            return 0;
        }
        switch (waited.error()) {
            case Error::changed:
                return -EAGAIN;
            case Error::timed_out:
                return -ETIMEDOUT;
            case Error::interrupted:
                take_held();
                if (is_wanted(this_thread())) {
                    return deadline == 0 ? restart_after_signal : restart_without_handler;
                }
                break;
            case Error::bad_buffer:
            case Error::not_mapped:
                break;  // another thread took the page away
            default:
                return -EINVAL;
        }
    }
}

std::int64_t wake(std::uint64_t address, std::uint64_t operation, std::uint64_t count) {
    auto const scope = scope_of(address, operation);
    auto const woken = word_wake({word_at(address)}, count, scope);
    return woken ? static_cast<std::int64_t>(*woken) : 0;
}

// The word's new value by FUTEX_WAKE_OP's code; what it was before, or -EFAULT.
std::int64_t change_word(std::uint64_t address, std::uint32_t code) {
    auto operand = static_cast<std::int32_t>(code << 8) >> 20;
    if ((code >> 28 & FUTEX_OP_OPARG_SHIFT) != 0) {
        operand = static_cast<std::int32_t>(1u << (static_cast<std::uint32_t>(operand) & 31));
    }
    auto const value = static_cast<std::uint32_t>(operand);
    std::uint32_t old = 0;
    if (!copy_in(old, address)) {
        return -EFAULT;
    }
    for (;;) {
        std::uint32_t next = 0;
        switch (code >> 28 & 7) {
            case FUTEX_OP_SET:
                next = value;
                break;
            case FUTEX_OP_ADD:
                next = old + value;
                break;
            case FUTEX_OP_OR:
                next = old | value;
                break;
            case FUTEX_OP_ANDN:
                next = old & ~value;
                break;
            case FUTEX_OP_XOR:
                next = old ^ value;
                break;
            default:
                return -ENOSYS;
        }
        auto const was = libos_user_exchange(address, old, next);
        if (was >> 32 != 0) {
            return -EFAULT;
        }
        if (was == old) {
            return old;
        }
        old = static_cast<std::uint32_t>(was);
    }
}

bool compares(std::uint32_t code, std::uint32_t old) {
    auto const signed_old = static_cast<std::int32_t>(old);
    auto const argument = static_cast<std::int32_t>(code << 20) >> 20;
    switch (code >> 24 & 15) {
        case FUTEX_OP_CMP_EQ:
            return signed_old == argument;
        case FUTEX_OP_CMP_NE:
            return signed_old != argument;
        case FUTEX_OP_CMP_LT:
            return signed_old < argument;
        case FUTEX_OP_CMP_LE:
            return signed_old <= argument;
        case FUTEX_OP_CMP_GT:
            return signed_old > argument;
        default:
            return signed_old >= argument;
    }
}

std::int64_t wake_operation(std::uint64_t address, std::uint64_t operation, std::uint64_t count,
                            std::uint64_t second, std::uint64_t second_count, std::uint32_t code) {
    auto const old = change_word(second, code);
    if (old < 0) {
        return old;
    }
    auto woken = wake(address, operation, count);
    if (compares(code, static_cast<std::uint32_t>(old))) {
        woken += wake(second, operation, second_count);
    }
    return woken;
}

void mark_owner_died(std::uint64_t address) {
    std::uint32_t word = 0;
    while (is_word(address) && copy_in(word, address) &&
           (word & FUTEX_TID_MASK) == this_thread().id) {
        auto const next = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (libos_user_exchange(address, word, next) == word) {
            (void)wake(address, 0, 1);
            return;
        }
    }
}

}  // namespace

std::int64_t serve_futex(std::array<std::uint64_t, 6> const& arguments) {
    auto const [address, operation, value, fourth, second, third_value] = arguments;
    constexpr std::uint64_t all = ~std::uint64_t{0} >> 1;
    if (!is_word(address)) {
        return address % 4 != 0 ? -EINVAL : -EFAULT;
    }
    auto const command = operation & static_cast<std::uint64_t>(FUTEX_CMD_MASK);
    switch (command) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET: {
            bool const absolute = command == FUTEX_WAIT_BITSET;
            if (absolute && third_value == 0) {
                return -EINVAL;
            }
            auto const clock =
                (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
            auto const deadline = deadline_from(fourth, clock, absolute);
            return deadline.error != 0
                       ? deadline.error
                       : wait(address, operation, static_cast<std::uint32_t>(value), deadline.at);
        }
        case FUTEX_WAKE:
            return wake(address, operation, value & all);
        case FUTEX_WAKE_BITSET:
            // The kernel's queues know no bits: waiters whose bits were not meant wake too, and look.
            return third_value == 0
                       ? -EINVAL
                       : wake(address, operation,
                              static_cast<std::uint32_t>(third_value) == ~0u ? value : all);
        case FUTEX_CMP_REQUEUE: {
            std::uint32_t present = 0;
            if (is_negative(value) || is_negative(fourth)) {
                return -EINVAL;
            }
            if (!copy_in(present, address)) {
                return -EFAULT;
            }
            if (present != static_cast<std::uint32_t>(third_value)) {
                return -EAGAIN;
            }
            [[fallthrough]];
        }
        case FUTEX_REQUEUE: {
            // Whoever should wait elsewhere wakes, sees that, and waits there.
            std::uint32_t there = 0;
            if (is_negative(value) || is_negative(fourth)) {
                return -EINVAL;
            }
            return is_word(second) && copy_in(there, second)
                       ? wake(address, operation, (value & 0x7fff'ffff) + (fourth & 0x7fff'ffff))
                       : -EFAULT;
        }
        case FUTEX_WAKE_OP:
            return is_word(second) ? wake_operation(address, operation, value, second, fourth,
                                                    static_cast<std::uint32_t>(third_value))
                                   : -EFAULT;
        default:
            return -ENOSYS;
    }
}

std::int64_t wake_word(std::uint64_t address, std::uint64_t count) {
    return wake(address, 0, count);
}

void release_thread_words() {
    auto& thread = this_thread();
    robust_list_head head{};
    if (thread.robust_list != 0 && copy_in(head, thread.robust_list)) {
        constexpr int most = 2048;  // ROBUST_LIST_LIMIT
        auto entry = reinterpret_cast<std::uint64_t>(head.list.next);
        for (int i = 0; i < most && entry != thread.robust_list; ++i) {
            auto const address =
                (entry & ~std::uint64_t{1}) + static_cast<std::uint64_t>(head.futex_offset);
            std::uint64_t next = 0;
            if (!copy_in(next, entry & ~std::uint64_t{1})) {
                break;
            }
            mark_owner_died(address);
            entry = next;
        }
        if (head.list_op_pending != nullptr) {
            mark_owner_died(reinterpret_cast<std::uint64_t>(head.list_op_pending) +
                            static_cast<std::uint64_t>(head.futex_offset));
        }
    }
    std::uint32_t const gone = 0;
    if (thread.clear_on_exit != 0 && is_word(thread.clear_on_exit) &&
        copy_out(thread.clear_on_exit, gone)) {
        (void)wake(thread.clear_on_exit, 0, 1);
    }
}

}  // namespace quarry::libos
