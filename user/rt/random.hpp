// Random words: secrets where the processor makes them (RDRAND, SDM volume 1, section 7.3.17); without it,
// words that only differ, from the time stamp counter.
#pragma once

#include <cstdint>

namespace quarry {

inline bool has_random_instruction() {
    enum class Known : std::uint8_t { unasked, no, yes };
    static constinit Known known = Known::unasked;
    if (known == Known::unasked) {
        std::uint32_t eax = 1, ebx = 0, ecx = 0, edx = 0;
        asm("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
        constexpr std::uint32_t rdrand = 1u << 30;
        known = (ecx & rdrand) != 0 ? Known::yes : Known::no;
    }
    return known == Known::yes;
}

// 0 if there is no such instruction, or it has nothing to give.
inline std::uint64_t processor_random() {
    constexpr int tries = 10;  // as the manual recommends
    for (int i = 0; i < tries && has_random_instruction(); ++i) {
        std::uint64_t word = 0;
        bool done = false;
        asm volatile("rdrand %0" : "=r"(word), "=@ccc"(done));
        if (done) {
            return word;
        }
    }
    return 0;
}

// splitmix64 (Steele, Lea and Flood, OOPSLA 2014) over the time, and the processor's word over it.
inline std::uint64_t random_word() {
    static constinit std::uint64_t state = 0;
    auto mixed =
        __atomic_add_fetch(&state, 0x9e3779b97f4a7c15 + __builtin_ia32_rdtsc(), __ATOMIC_RELAXED);
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31 ^ processor_random();
}

}  // namespace quarry
