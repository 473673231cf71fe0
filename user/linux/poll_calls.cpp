// Waiting for descriptors, with deadlines and masks; ioctl and fcntl, whose arguments depend on what is
// asked.
#include "user/linux/calls.hpp"
#include "user/linux/clocks.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"

#include <cstring>

namespace quarry::libos {
namespace {

constexpr std::uint64_t most_descriptors = 1024;
constexpr std::uint64_t unblockable = bit_of(SIGKILL) | bit_of(SIGSTOP);

// 0 milliseconds: what is there now; negative: for ever.
struct Timeout {
    std::uint64_t deadline = 0;
    bool none = false;  // do not wait at all
};
Timeout timeout_of(std::int64_t milliseconds) {
    if (milliseconds < 0) {
        return {};
    }
    return {deadline_after(static_cast<std::uint64_t>(milliseconds) * 1'000'000),
            milliseconds == 0};
}

// The mask for the time of the wait; 0 or an error.
std::int64_t use_mask(std::uint64_t address, std::uint64_t bytes) {
    std::uint64_t set = 0;
    if (address == 0) {
        return 0;
    }
    if (bytes != sizeof(set)) {
        return -EINVAL;
    }
    if (!copy_in(set, address)) {
        return -EFAULT;
    }
    auto& thread = this_thread();
    thread.saved_blocked = thread.blocked;
    thread.has_saved_blocked = true;
    thread.blocked = set & ~unblockable;
    reconsider();
    return 0;
}
// Unless a handler is to begin under it: then what it returns to puts the old one back.
void put_mask_back() {
    auto& thread = this_thread();
    if (thread.has_saved_blocked && !is_wanted(thread)) {
        thread.blocked = thread.saved_blocked;
        thread.has_saved_blocked = false;
        reconsider();
    }
}

// The server looks at `count` pollfd in the channel; how many have something.
std::int64_t poll_channel(std::uint64_t count, Timeout timeout) {
    auto const answer = ask_until_done(__NR_poll, count, timeout.none ? 1 : 0, 0, timeout.deadline);
    return answer == -ETIMEDOUT             ? 0
           : answer == restart_after_signal ? restart_without_handler
                                            : answer;
}

std::int64_t poll_with(std::uint64_t list, std::uint64_t count, Timeout timeout) {
    if (count > most_descriptors) {
        return -EINVAL;
    }
    auto const bytes = count * sizeof(pollfd);
    auto* const data = data_of(this_thread());
    if (!copy_in(data, list, bytes)) {
        return -EFAULT;
    }
    auto const answer = poll_channel(count, timeout);
    if (answer == 0) {  // after a deadline the channel holds what the last look left
        for (std::uint64_t i = 0; i < count; ++i) {
            reinterpret_cast<pollfd*>(data)[i].revents = 0;
        }
    }
    return answer >= 0 && !copy_out(list, data, bytes) ? -EFAULT : answer;
}

using DescriptorSet = std::array<std::uint64_t, most_descriptors / 64>;

bool has(DescriptorSet const& set, std::uint64_t descriptor) {
    return (set[descriptor / 64] >> descriptor % 64 & 1) != 0;
}

std::int64_t select_with(std::array<std::uint64_t, 6> const& arguments, Timeout timeout) {
    auto const count = arguments[0];
    if (count > most_descriptors) {
        return -EINVAL;
    }
    auto const bytes = (count + 63) / 64 * 8;
    constexpr std::array<short, 3> events{POLLIN, POLLOUT, POLLPRI};
    constexpr std::array<short, 3> answers{POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI};
    std::array<DescriptorSet, 3> sets{};
    for (std::size_t i = 0; i < sets.size(); ++i) {
        if (arguments[i + 1] != 0 && !copy_in(sets[i].data(), arguments[i + 1], bytes)) {
            return -EFAULT;
        }
    }
    auto* const list = reinterpret_cast<pollfd*>(data_of(this_thread()));
    std::uint64_t used = 0;
    for (std::uint64_t descriptor = 0; descriptor < count; ++descriptor) {
        short wanted = 0;
        for (std::size_t i = 0; i < sets.size(); ++i) {
            wanted = static_cast<short>(wanted | (has(sets[i], descriptor) ? events[i] : 0));
        }
        if (wanted != 0) {
            list[used++] = {static_cast<int>(descriptor), wanted, 0};
        }
    }
    auto const answer = poll_channel(used, timeout);
    if (answer < 0) {
        return answer;
    }
    std::array<DescriptorSet, 3> found{};
    std::int64_t total = 0;
    for (std::uint64_t at = 0; at < used && answer > 0; ++at) {
        auto const descriptor = static_cast<std::uint64_t>(list[at].fd);
        if ((list[at].revents & POLLNVAL) != 0) {
            return -EBADF;
        }
        for (std::size_t i = 0; i < sets.size(); ++i) {
            if (has(sets[i], descriptor) && (list[at].revents & answers[i]) != 0) {
                found[i][descriptor / 64] |= std::uint64_t{1} << descriptor % 64;
                ++total;
            }
        }
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
        if (arguments[i + 1] != 0 && !copy_out(arguments[i + 1], found[i].data(), bytes)) {
            return -EFAULT;
        }
    }
    return total;
}

std::int64_t epoll_with(std::array<std::uint64_t, 6> const& arguments, Timeout timeout) {
    auto const [descriptor, events, most, unused, mask, mask_bytes] = arguments;
    constexpr std::uint64_t limit = protocol::channel_data_bytes / sizeof(epoll_event);
    if (most == 0 || static_cast<std::int32_t>(most) < 0) {
        return -EINVAL;
    }
    auto const count = most < limit ? most : limit;
    auto const answer =
        ask_until_done(__NR_epoll_wait, descriptor, count, timeout.none ? 1 : 0, timeout.deadline);
    if (answer == -ETIMEDOUT) {
        return 0;
    }
    if (answer > 0 && !copy_out(events, data_of(this_thread()),
                                static_cast<std::uint64_t>(answer) * sizeof(epoll_event))) {
        return -EFAULT;
    }
    return answer == restart_after_signal ? restart_without_handler : answer;
}

// A timespec, or null: for ever.
struct ParsedTimeout {
    Timeout timeout;
    std::int64_t error = 0;
};
ParsedTimeout timeout_at(std::uint64_t address) {
    auto const deadline = deadline_from(address, CLOCK_MONOTONIC, false);
    return {{deadline.at, false}, deadline.error};
}

struct IoctlArgument {
    std::uint64_t command;
    std::uint16_t in;
    std::uint16_t out;
};
constexpr std::uint16_t termios_bytes = 36;
constexpr std::array ioctl_arguments{
    IoctlArgument{TCGETS, 0, termios_bytes},
    IoctlArgument{TCSETS, termios_bytes, 0},
    IoctlArgument{TCSETSW, termios_bytes, 0},
    IoctlArgument{TCSETSF, termios_bytes, 0},
    IoctlArgument{TIOCGWINSZ, 0, 8},
    IoctlArgument{TIOCSWINSZ, 8, 0},
    IoctlArgument{TIOCGPGRP, 0, 4},
    IoctlArgument{TIOCSPGRP, 4, 0},
    IoctlArgument{TIOCGSID, 0, 4},
    IoctlArgument{FIONREAD, 0, 4},
    IoctlArgument{FIONBIO, 4, 0},
};

}  // namespace

namespace calls {

std::int64_t poll(Registers& r) {
    return poll_with(r.rdi, r.rsi, timeout_of(static_cast<std::int32_t>(r.rdx)));
}

std::int64_t ppoll(Registers& r) {
    auto const timeout = timeout_at(r.rdx);
    if (timeout.error != 0) {
        return timeout.error;
    }
    if (auto const error = use_mask(r.r10, r.r8); error != 0) {
        return error;
    }
    auto const answer = poll_with(r.rdi, r.rsi, timeout.timeout);
    put_mask_back();
    return answer;
}

std::int64_t select(Registers& r) {
    Timeout timeout;
    if (r.r8 != 0) {
        std::array<std::int64_t, 2> value{};
        if (!copy_in(value, r.r8)) {
            return -EFAULT;
        }
        if (value[0] < 0 || value[1] < 0) {
            return -EINVAL;
        }
        auto const microseconds =
            static_cast<std::uint64_t>(value[0]) * 1'000'000 + static_cast<std::uint64_t>(value[1]);
        timeout = {deadline_after(microseconds * 1000), microseconds == 0};
    }
    return select_with(arguments_of(r), timeout);
}

std::int64_t pselect6(Registers& r) {
    auto const timeout = timeout_at(r.r8);
    std::array<std::uint64_t, 2> mask{};
    if (timeout.error != 0) {
        return timeout.error;
    }
    if (r.r9 != 0 && !copy_in(mask, r.r9)) {
        return -EFAULT;
    }
    if (auto const error = use_mask(mask[0], mask[1]); error != 0) {
        return error;
    }
    auto const answer = select_with(arguments_of(r), timeout.timeout);
    put_mask_back();
    return answer;
}

std::int64_t epoll_wait(Registers& r) {
    return epoll_with(arguments_of(r), timeout_of(static_cast<std::int32_t>(r.r10)));
}

std::int64_t epoll_pwait(Registers& r) {
    if (auto const error = use_mask(r.r8, r.r9); error != 0) {
        return error;
    }
    auto const answer = epoll_with(arguments_of(r), timeout_of(static_cast<std::int32_t>(r.r10)));
    put_mask_back();
    return answer;
}

std::int64_t ioctl(Registers& r) {
    auto const command = r.rsi & 0xffff'ffff;
    auto* const data = data_of(this_thread());
    for (auto const& known : ioctl_arguments) {
        if (known.command != command) {
            continue;
        }
        if (known.in != 0 && !copy_in(data, r.rdx, known.in)) {
            return -EFAULT;
        }
        auto const answer = ask_until_done(__NR_ioctl, r.rdi, command, 0);
        if (answer >= 0 && known.out != 0 && !copy_out(r.rdx, data, known.out)) {
            return -EFAULT;
        }
        return answer;
    }
    return ask_until_done(__NR_ioctl, r.rdi, command, r.rdx);
}

std::int64_t fcntl(Registers& r) {
    auto const command = r.rsi & 0xffff'ffff;
    bool const gets = command == F_GETLK || command == F_OFD_GETLK;
    if (gets || command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
        command == F_OFD_SETLKW) {
        struct Lock {
            std::int16_t type, whence;
            std::int32_t pad;
            std::int64_t start, length;
            std::int32_t process, pad2;
        };
        auto* const data = data_of(this_thread());
        if (!copy_in(data, r.rdx, sizeof(Lock))) {
            return -EFAULT;
        }
        auto const answer = ask_until_done(__NR_fcntl, r.rdi, command, 0);
        return answer >= 0 && gets && !copy_out(r.rdx, data, sizeof(Lock)) ? -EFAULT : answer;
    }
    return ask_until_done(__NR_fcntl, r.rdi, command, r.rdx);
}

}  // namespace calls
}  // namespace quarry::libos
