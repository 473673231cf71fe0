// When free pages go back. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"

#include <mutex>

namespace slab {

template <HeapConfig Config>
void Arena<Config>::purge() {
    if constexpr (HasClock<Source>) {
        auto const time = now();
        if (time == runs_.looked_at()) {
            return;
        }
        ask_for_pressure(time);
        std::lock_guard const guard(lock_);
        purge_locked(is_short() ? 0 : ticks_until_purged);
    }
}

template <HeapConfig Config>
void Arena<Config>::ask_for_pressure(std::uint32_t time) {
    if constexpr (HasPressure<Source>) {
        constexpr std::uint32_t ticks_a_second = 10;
        auto const before = asked_at_.load(std::memory_order_relaxed);
        if (before != 0 && time - before < ticks_a_second) {
            return;
        }
        asked_at_.store(time, std::memory_order_relaxed);
        if (before != 0) {  // not by programs that end within a second
            is_short_.store(runs_.source().pressure(), std::memory_order_relaxed);
        }
    }
}

template <HeapConfig Config>
void Arena<Config>::purge_locked(std::uint32_t age_ticks) {
    sweep_abandoned();
    runs_.look();
    if constexpr (is_hardened<Config>) {
        retired_.purge(runs_, age_ticks);
        resting_.purge(runs_, age_ticks);
        runs_.purge(age_ticks);
        retired_.moved().renew_empty(runs_);
    } else {
        take_pages_of_emptied(age_ticks);
        runs_.purge(age_ticks);
    }
}

}  // namespace slab
