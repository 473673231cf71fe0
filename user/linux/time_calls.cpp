// Clocks and sleeping.
#include "user/linux/calls.hpp"
#include "user/linux/clocks.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"

namespace quarry::libos {
namespace {

std::uint64_t now() { return *clock_nanoseconds(); }

__kernel_timespec timespec_of(std::uint64_t nanoseconds) {
    return {static_cast<long long>(nanoseconds / nanoseconds_a_second),
            static_cast<long long>(nanoseconds % nanoseconds_a_second)};
}

constexpr std::uint64_t forever = ~std::uint64_t{0} >> 2;

}  // namespace

bool is_clock(int clock) {
    return (clock >= CLOCK_REALTIME && clock <= CLOCK_BOOTTIME) || clock == CLOCK_TAI;
}

std::uint64_t time_of(int clock) {
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
        case CLOCK_TAI:
            return process.realtime_base + now();
        default:
            return now();
    }
}

std::uint64_t deadline_after(std::uint64_t nanoseconds) {
    auto const start = now();
    return nanoseconds > forever - start ? forever : start + nanoseconds;
}

Deadline deadline_from(std::uint64_t address, int clock, bool absolute) {
    if (address == 0) {
        return {};
    }
    __kernel_timespec time{};
    if (!copy_in(time, address)) {
        return {0, -EFAULT};
    }
    if (time.tv_sec < 0 || time.tv_nsec < 0 ||
        time.tv_nsec >= static_cast<long long>(nanoseconds_a_second)) {
        return {0, -EINVAL};
    }
    auto const seconds = static_cast<std::uint64_t>(time.tv_sec);
    auto const nanoseconds =
        seconds > forever / nanoseconds_a_second
            ? forever
            : seconds * nanoseconds_a_second + static_cast<std::uint64_t>(time.tv_nsec);
    if (!absolute) {
        return {deadline_after(nanoseconds), 0};
    }
    auto const base = clock == CLOCK_REALTIME ? process.realtime_base : 0;
    return {nanoseconds > base ? nanoseconds - base : 1, 0};
}

bool write_rest(std::uint64_t address, std::uint64_t deadline) {
    auto const at = now();
    return copy_out(address, timespec_of(deadline > at ? deadline - at : 0));
}

namespace {

std::int64_t sleep(std::uint64_t deadline, std::uint64_t rest) {
    for (;;) {
        auto const slept = sleep_until(deadline);
        if (slept.error() == Error::timed_out) {
            return 0;
        }
        take_held();
        if (is_wanted(this_thread())) {
            if (rest != 0 && !write_rest(rest, deadline)) {
                return -EFAULT;
            }
            return restart_without_handler;
        }
    }
}

}  // namespace

namespace calls {

std::int64_t clock_gettime(Registers& r) {
    auto const clock = static_cast<int>(r.rdi);
    if (!is_clock(clock)) {
        return clock < 0 && copy_out(r.rsi, timespec_of(now())) ? 0 : -EINVAL;
    }
    return copy_out(r.rsi, timespec_of(time_of(clock))) ? 0 : -EFAULT;
}

std::int64_t clock_getres(Registers& r) {
    if (!is_clock(static_cast<int>(r.rdi))) {
        return -EINVAL;
    }
    return r.rsi == 0 || copy_out(r.rsi, timespec_of(1)) ? 0 : -EFAULT;
}

std::int64_t gettimeofday(Registers& r) {
    auto const time = time_of(CLOCK_REALTIME);
    std::array<std::uint64_t, 2> const value{time / nanoseconds_a_second,
                                             time % nanoseconds_a_second / 1000};
    std::array<std::int32_t, 2> const zone{};
    bool const done =
        (r.rdi == 0 || copy_out(r.rdi, value)) && (r.rsi == 0 || copy_out(r.rsi, zone));
    return done ? 0 : -EFAULT;
}

std::int64_t time(Registers& r) {
    auto const seconds = time_of(CLOCK_REALTIME) / nanoseconds_a_second;
    return r.rdi == 0 || copy_out(r.rdi, seconds) ? static_cast<std::int64_t>(seconds) : -EFAULT;
}

std::int64_t nanosleep(Registers& r) {
    auto const deadline = deadline_from(r.rdi, CLOCK_MONOTONIC, false);
    if (r.rdi == 0) {
        return -EFAULT;
    }
    return deadline.error != 0 ? deadline.error : sleep(deadline.at, r.rsi);
}

std::int64_t clock_nanosleep(Registers& r) {
    auto const clock = static_cast<int>(r.rdi);
    bool const absolute = (r.rsi & TIMER_ABSTIME) != 0;
    if (!is_clock(clock)) {
        return -EINVAL;
    }
    if (r.rdx == 0) {
        return -EFAULT;
    }
    auto const deadline = deadline_from(r.rdx, clock, absolute);
    return deadline.error != 0 ? deadline.error : sleep(deadline.at, absolute ? 0 : r.r10);
}

// Nobody counts who used the processor: the time since the start stands for all of it.
std::int64_t times(Registers& r) {
    constexpr std::uint64_t nanoseconds_a_tick = 10'000'000;
    auto const ticks = now() / nanoseconds_a_tick;
    std::array<std::uint64_t, 4> const all{ticks, 0, 0, 0};
    return r.rdi == 0 || copy_out(r.rdi, all) ? static_cast<std::int64_t>(ticks) : -EFAULT;
}

std::int64_t getrusage(Registers& r) {
    std::array<std::uint64_t, 18> usage{};
    auto const who = static_cast<std::int32_t>(r.rdi);
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) {
        return -EINVAL;
    }
    usage[0] = now() / nanoseconds_a_second;
    usage[1] = now() % nanoseconds_a_second / 1000;
    return copy_out(r.rsi, usage) ? 0 : -EFAULT;
}

}  // namespace calls
}  // namespace quarry::libos
