#include "servers/linux/timers.hpp"

#include "servers/linux/watcher.hpp"

#include <linux/timerfd.h>

#include <cstring>
#include <set>
#include <utility>

namespace quarry::server {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

// Those that are armed, the next one first.
std::set<std::pair<std::uint64_t, Timer*>>& armed_timers() {
    static std::set<std::pair<std::uint64_t, Timer*>> timers;
    return timers;
}

std::uint64_t now() { return *clock_nanoseconds(); }

// However many timers there are, and however short their intervals: the server does other things for
// four times as long as it rings.
constexpr std::uint64_t least_pause = 50'000;
constexpr std::uint64_t pause_factor = 4;
constinit std::uint64_t next_ring = 0;

void plan() {
    auto const& armed = armed_timers();
    watch_time(armed.empty() ? 0 : std::max(armed.begin()->first, next_ring));
}

}  // namespace

Timer::~Timer() { set({}); }

void Timer::move_to(std::uint64_t at) {
    auto& armed = armed_timers();
    if (setting_.at != 0) {
        armed.erase({setting_.at, this});
    }
    setting_.at = at;
    if (at != 0) {
        armed.insert({at, this});
    }
}

void Timer::set(Setting setting) {
    move_to(setting.at);
    setting_.interval = setting.interval;
    plan();
}

std::uint64_t Timer::left() const {
    auto const time = now();
    return setting_.at == 0 ? 0 : std::max(setting_.at, time + 1) - time;
}

void Timer::ring_all() {
    auto const time = now();
    auto const& armed = armed_timers();
    // Anew each time: what one does may end others.
    while (!armed.empty() && armed.begin()->first <= time) {
        auto& timer = *armed.begin()->second;
        auto const [at, interval] = timer.setting_;
        auto const times = interval == 0 ? 1 : 1 + (time - at) / interval;
        timer.move_to(interval == 0 ? 0 : at + times * interval);
        timer.expire(times);
    }
    auto const end = now();
    next_ring = end + std::max(least_pause, pause_factor * (end - time));
    plan();
}

void SignalTimer::expire(std::uint64_t times) {
    overruns_ = times - 1;
    auto note = note_;
    if (note.code == SI_TIMER) {
        note.user = static_cast<std::uint32_t>(overruns_);
    }
    (void)owner_.signal(note);
}

void TimerFile::arm(Setting setting) {
    expirations_ = 0;
    set(setting);
}

void TimerFile::expire(std::uint64_t times) {
    expirations_ += times;
    waiters_.wake_all();
}

std::int64_t TimerFile::read(Asker asker, std::span<std::byte> to, std::optional<std::uint64_t>) {
    if (to.size() < sizeof(expirations_)) {
        return -EINVAL;
    }
    if (expirations_ == 0) {
        return wait_in(waiters_, asker);
    }
    std::memcpy(to.data(), &expirations_, sizeof(expirations_));
    expirations_ = 0;
    return sizeof(expirations_);
}

namespace {

// What a program gives and gets: interval, then value; each seconds and a fraction.
using Times = std::array<std::int64_t, 4>;

Times times_of(Timer const& timer, std::uint64_t fraction) {
    auto const interval = timer.setting().interval;
    auto const left = timer.left();
    auto const part = [&](std::uint64_t nanoseconds) {
        return static_cast<std::int64_t>(nanoseconds % second / (second / fraction));
    };
    return {static_cast<std::int64_t>(interval / second), part(interval),
            static_cast<std::int64_t>(left / second), part(left)};
}

// Durations in nanoseconds; nothing if they are none.
struct Durations {
    std::uint64_t interval;
    std::uint64_t value;
};
std::optional<Durations> durations_of(Times const& times, std::uint64_t fraction) {
    constexpr std::int64_t longest = std::int64_t{1} << 32;
    auto const part_ok = [&](std::int64_t part) {
        return part >= 0 && part < static_cast<std::int64_t>(fraction);
    };
    if (times[0] < 0 || times[2] < 0 || !part_ok(times[1]) || !part_ok(times[3])) {
        return std::nullopt;
    }
    auto const sum = [&](std::int64_t whole, std::int64_t part) {
        return static_cast<std::uint64_t>(std::min(whole, longest)) * second +
               static_cast<std::uint64_t>(part) * (second / fraction);
    };
    return Durations{sum(times[0], times[1]), sum(times[2], times[3])};
}

// A time of a clock as one of the machine's; one that is past expires at once.
Timer::Setting setting_of(Durations const& wanted, std::uint64_t clock, bool absolute) {
    if (wanted.value == 0) {
        return {0, wanted.interval};
    }
    auto const base = absolute && clock == CLOCK_REALTIME ? real_time_base() : 0;
    auto const at = absolute ? wanted.value - std::min(wanted.value, base) : now() + wanted.value;
    return {std::max<std::uint64_t>(at, 1), wanted.interval};
}

Timer& alarm_of(Process& process) {
    if (!process.alarm) {
        process.alarm = std::make_unique<SignalTimer>(
            process, protocol::SignalNote{SIGALRM, SI_KERNEL, 0, 0, 0, 0});
    }
    return *process.alarm;
}

std::int64_t alarm(Request& request) {
    auto& timer = alarm_of(request.process);
    auto const left = timer.left();
    auto const seconds = static_cast<std::uint32_t>(request.arguments[0]);
    timer.set(seconds == 0 ? Timer::Setting{} : Timer::Setting{now() + seconds * second, 0});
    return static_cast<std::int64_t>((left + second - 1) / second);
}

std::int64_t interval_timer(Request& request, bool sets) {
    auto const& a = request.arguments;
    constexpr std::uint64_t microseconds = 1'000'000;
    if (a[0] != 0) {
        return a[0] <= 2 ? -EOPNOTSUPP : -EINVAL;  // only ITIMER_REAL
    }
    auto& timer = alarm_of(request.process);
    auto const before = times_of(timer, microseconds);
    if (sets && a[1] != protocol::no_data) {
        auto const value = request.in<Times>(a[1]);
        auto const wanted = value ? durations_of(*value, microseconds) : std::nullopt;
        if (!wanted) {
            return -EINVAL;
        }
        timer.set(setting_of(*wanted, CLOCK_MONOTONIC, false));
    }
    return request.out(a[sets ? 2 : 1], before) ? 0 : -EFAULT;
}

bool is_clock(std::uint64_t clock) {
    constexpr std::uint64_t known = 1 << CLOCK_REALTIME | 1 << CLOCK_MONOTONIC |
                                    1 << CLOCK_PROCESS_CPUTIME_ID | 1 << CLOCK_THREAD_CPUTIME_ID |
                                    1 << CLOCK_BOOTTIME;
    return clock < 64 && (known >> clock & 1) != 0;
}

std::int64_t create(Request& request) {
    auto const& a = request.arguments;
    struct Event {  // Linux's struct sigevent
        std::uint64_t value;
        std::int32_t signal;
        std::int32_t notify;
        std::int32_t thread;
        std::int32_t rest[11];
    };
    constexpr std::int32_t none = 1;
    constexpr std::int32_t to_thread = 4;
    constexpr std::size_t most = 1024;
    auto& timers = request.process.timers;
    if (!is_clock(a[0])) {
        return -EINVAL;
    }
    if (timers.size() >= most) {
        return -EAGAIN;
    }
    std::uint64_t id = 0;
    while (timers.contains(id)) {
        ++id;
    }
    Event event{id, SIGALRM, 0, 0, {}};
    if (a[1] != protocol::no_data) {
        auto const given = request.in<Event>(a[1]);
        if (!given) {
            return -EFAULT;
        }
        event = *given;
    }
    bool const sends = event.notify != none;
    bool const has_thread = event.notify == to_thread;
    if (event.notify < 0 || event.notify > to_thread || event.notify == 3 ||
        (sends && (event.signal < 1 || event.signal > 64))) {
        return -EINVAL;
    }
    protocol::SignalNote const note{
        .number = sends ? event.signal : 0,
        .code = SI_TIMER,
        .sender = static_cast<std::uint32_t>(id),
        .user = 0,
        .value = event.value,
        .thread = has_thread ? static_cast<std::uint32_t>(event.thread) : 0u};
    auto timer = std::make_unique<SignalTimer>(request.process, note);
    timer->clock = a[0];
    timers[id] = std::move(timer);
    return request.out(a[2], static_cast<std::int32_t>(id)) ? 0 : -EFAULT;
}

SignalTimer* timer_of(Request& request) {
    auto const found =
        request.process.timers.find(static_cast<std::uint32_t>(request.arguments[0]));
    return found == request.process.timers.end() ? nullptr : found->second.get();
}

// timer_settime and timerfd_settime alike.
template <typename Arm>
std::int64_t set_time(Request& request, Timer& timer, std::uint64_t clock, Arm arm) {
    auto const& a = request.arguments;
    auto const value = request.in<Times>(a[2]);
    if (!value) {
        return a[2] == protocol::no_data ? -EINVAL : -EFAULT;
    }
    auto const wanted = durations_of(*value, second);
    if (!wanted) {
        return -EINVAL;
    }
    auto const before = times_of(timer, second);
    arm(setting_of(*wanted, clock, (a[1] & TFD_TIMER_ABSTIME) != 0));
    return request.out(a[3], before) ? 0 : -EFAULT;
}

std::int64_t serve_posix(Request& request) {
    auto* const timer = timer_of(request);
    if (timer == nullptr) {
        return -EINVAL;
    }
    auto const& a = request.arguments;
    switch (request.number) {
        case __NR_timer_settime:
            return set_time(request, *timer, timer->clock,
                            [&](Timer::Setting setting) { timer->set(setting); });
        case __NR_timer_gettime:
            return request.out(a[1], times_of(*timer, second)) ? 0 : -EFAULT;
        case __NR_timer_getoverrun:
            return static_cast<std::int64_t>(timer->overruns());
        default:
            request.process.timers.erase(static_cast<std::uint32_t>(a[0]));
            return 0;
    }
}

std::int64_t create_file(Request& request) {
    auto const& a = request.arguments;
    constexpr std::uint64_t flags = TFD_NONBLOCK | TFD_CLOEXEC;
    if (!is_clock(a[0]) || a[0] == CLOCK_PROCESS_CPUTIME_ID || a[0] == CLOCK_THREAD_CPUTIME_ID ||
        (a[1] & ~flags) != 0) {
        return -EINVAL;
    }
    auto file = make_ref<TimerFile>(a[0], static_cast<std::uint32_t>(a[1] & TFD_NONBLOCK));
    return request.process.add(file, (a[1] & TFD_CLOEXEC) != 0);
}

std::int64_t serve_file(Request& request) {
    auto const& a = request.arguments;
    auto const file = request.process.file(a[0]);
    if (!file) {
        return -EBADF;
    }
    auto* const timer = file->timer();
    if (timer == nullptr) {
        return -EINVAL;
    }
    if (request.number == __NR_timerfd_gettime) {
        return request.out(a[1], times_of(*timer, second)) ? 0 : -EFAULT;
    }
    if (has_more(a[1], TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) {
        return -EINVAL;
    }
    return set_time(request, *timer, timer->clock,
                    [&](Timer::Setting setting) { timer->arm(setting); });
}

}  // namespace

std::optional<std::int64_t> serve_timers(Request& request) {
    switch (request.number) {
        case __NR_alarm:
            return alarm(request);
        case __NR_setitimer:
            return interval_timer(request, true);
        case __NR_getitimer:
            return interval_timer(request, false);
        case __NR_timer_create:
            return create(request);
        case __NR_timer_settime:
        case __NR_timer_gettime:
        case __NR_timer_getoverrun:
        case __NR_timer_delete:
            return serve_posix(request);
        case __NR_timerfd_create:
            return create_file(request);
        case __NR_timerfd_settime:
        case __NR_timerfd_gettime:
            return serve_file(request);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
