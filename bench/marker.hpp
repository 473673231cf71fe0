// Markers that the counting plugin knows (bench/count_plugin.c).
#pragma once

namespace quarry::bench {

template <unsigned Id, bool End>
[[gnu::always_inline]] inline void marker() {
    asm volatile("nopl %c0(%%rax,%%rax,1)"
                 :
                 : "i"(0x4b500000 | Id << 1 | (End ? 1 : 0))
                 : "memory");
}

// Warm: the first rounds are not like the others, and the median passes over them.
template <unsigned Id, typename Operation>
[[gnu::always_inline]] inline void measure(Operation operation) {
    for (int round = 0; round < 100; ++round) {
        marker<Id, false>();
        operation();
        marker<Id, true>();
    }
}

}  // namespace quarry::bench
