// The clock: the time-stamp counter, measured against the 8254 timer (Intel's data sheet) when it
// is first asked for, so that boot does not pay for it.
#include "arch/x86_64/apic.hpp"
#include "arch/x86_64/instructions.hpp"
#include "machine/machine.hpp"

#include <atomic>

namespace quarry::machine {
namespace {

constinit std::uint64_t ticks_at_start = 0;
constinit std::atomic<std::uint64_t> picoseconds_a_tick = 0;

// Ticks in a tenth of a millisecond, from timer channel 2 counting down once.
std::uint64_t measure_ticks() {
    constexpr std::uint16_t timer_periods = 119;  // of 1,193,182 Hz: 0.0997 ms
    auto const gate = static_cast<std::uint8_t>((x86::in8(0x61) & ~2) | 1);
    x86::out8(0x61, gate);
    x86::out8(0x43, 0xb0);  // channel 2, both bytes, mode 0
    x86::out8(0x42, timer_periods & 0xff);
    x86::out8(0x42, timer_periods >> 8);
    auto const begin = x86::read_tsc();
    while ((x86::in8(0x61) & 0x20) == 0) {
        if (x86::read_tsc() - begin > 10'000'000) {
            return 100'000;  // no such timer: take the counter as nanoseconds
        }
    }
    return x86::read_tsc() - begin;
}

// Picoseconds a tick, measured when first asked for.
std::uint64_t ticks_rate() {
    auto rate = picoseconds_a_tick.load(std::memory_order_relaxed);
    if (rate == 0) {
        constexpr std::uint64_t measured_picoseconds = 99'733'000;
        rate = measured_picoseconds / measure_ticks();
        picoseconds_a_tick.store(rate, std::memory_order_relaxed);
    }
    return rate;
}

}  // namespace

void start_clock() { ticks_at_start = x86::read_tsc(); }

std::uint64_t clock_nanoseconds() {
    auto const now = x86::read_tsc() - ticks_at_start;
    auto const rate = ticks_rate();
    // Thousands apart, so that the product does not overflow for centuries.
    return now / 1000 * rate + now % 1000 * rate / 1000;
}

// The APIC's timer counts at a rate of its own, measured once against this clock.
void set_timer(std::uint64_t nanoseconds) {
    if (nanoseconds == ~std::uint64_t{0}) {
        x86::stop_timer();
        return;
    }
    auto const now = clock_nanoseconds();
    x86::start_timer(nanoseconds > now ? nanoseconds - now : 1);
}

}  // namespace quarry::machine
