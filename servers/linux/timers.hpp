// What happens at a time: alarms, POSIX timers, and descriptors that count expirations.
#pragma once

#include "servers/linux/process.hpp"
#include "servers/linux/request.hpp"

#include <cstdint>

namespace quarry::server {

// Times are nanoseconds of the machine's clock.
class Timer {
  public:
    struct Setting {
        std::uint64_t at = 0;  // 0: not armed
        std::uint64_t interval = 0;
    };

    Timer() = default;
    Timer(Timer const&) = delete;
    Timer& operator=(Timer const&) = delete;
    virtual ~Timer();
    void set(Setting setting);
    Setting setting() const { return setting_; }
    // Until it expires next; 0: never.
    std::uint64_t left() const;

    // Those whose time has come expire.
    static void ring_all();

  private:
    virtual void expire(std::uint64_t times) = 0;
    void move_to(std::uint64_t at);

    Setting setting_;
};

// Sends its process a signal.
class SignalTimer : public Timer {
  public:
    SignalTimer(Process& owner, protocol::SignalNote const& note) : owner_(owner), note_(note) {}
    std::uint64_t overruns() const { return overruns_; }
    std::uint64_t clock = CLOCK_MONOTONIC;

  private:
    void expire(std::uint64_t times) override;

    Process& owner_;
    protocol::SignalNote note_;  // number 0: none
    std::uint64_t overruns_ = 0;
};

class TimerFile : public OpenFile, public Timer {
  public:
    TimerFile(std::uint64_t clock_of, std::uint32_t status)
        : OpenFile(status | O_RDWR), clock(clock_of) {}
    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    short ready() const override { return expirations_ != 0 ? POLLIN : 0; }
    Waiters* waiters() override { return &waiters_; }
    TimerFile* timer() override { return this; }
    void arm(Setting setting);

    std::uint64_t const clock;

  private:
    void expire(std::uint64_t times) override;

    std::uint64_t expirations_ = 0;
    Waiters waiters_;
};

std::optional<std::int64_t> serve_timers(Request& request);

}  // namespace quarry::server
