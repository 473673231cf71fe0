// The clock: the time-stamp counter, measured against the 8254 timer (Intel's data sheet) when it
// is first asked for, so that boot does not pay for it.
#include "arch/x86_64/instructions.hpp"
#include "machine/machine.hpp"

namespace quarry::machine {
namespace {

constinit std::uint64_t ticks_at_start = 0;
constinit std::uint64_t picoseconds_a_tick = 0;

// Ticks in one millisecond, from timer channel 2 counting down once.
std::uint64_t measure_ticks_a_millisecond() {
    constexpr std::uint16_t timer_hertz_a_millisecond = 1193;
    auto const gate = static_cast<std::uint8_t>((x86::in8(0x61) & ~2) | 1);
    x86::out8(0x61, gate);
    x86::out8(0x43, 0xb0);  // channel 2, both bytes, mode 0
    x86::out8(0x42, timer_hertz_a_millisecond & 0xff);
    x86::out8(0x42, timer_hertz_a_millisecond >> 8);
    auto const begin = x86::read_tsc();
    while ((x86::in8(0x61) & 0x20) == 0) {
        if (x86::read_tsc() - begin > 100'000'000) {
            return 1'000'000;  // no such timer: take the counter as nanoseconds
        }
    }
    return x86::read_tsc() - begin;
}

}  // namespace

void start_clock() { ticks_at_start = x86::read_tsc(); }

std::uint64_t clock_nanoseconds() {
    auto const now = x86::read_tsc() - ticks_at_start;
    if (picoseconds_a_tick == 0) {
        picoseconds_a_tick = 1'000'000'000 / measure_ticks_a_millisecond();
    }
    // Thousands apart, so that the product does not overflow for centuries.
    return now / 1000 * picoseconds_a_tick + now % 1000 * picoseconds_a_tick / 1000;
}

}  // namespace quarry::machine
